import { Rng } from '../seeding.js'

/** The set of values an observation or an action can take. */
export abstract class Space<T> {
  private stream: Rng | undefined

  /** Shape of a value, or null where a value is not an array. */
  abstract readonly shape: readonly number[] | null

  /** A random value of the space. Reproducible after `seed`. */
  abstract sample(): T

  /** Whether a value belongs to the space (type, shape and bounds). */
  abstract contains(x: unknown): x is T

  /** A value that no longer changes with its environment: arrays copied, lazy parts computed. */
  abstract copy(x: T): T

  /** Same kind of space with the same parameters. */
  abstract equals(other: unknown): boolean

  abstract toString(): string

  /** Restarts the stream that `sample` draws from. */
  seed(seed: number): void {
    this.stream = Rng.fromSeed(seed, 'space')
  }

  protected get rng(): Rng {
    this.stream ??= Rng.fromSeed(...crypto.getRandomValues(new Uint32Array(4)))
    return this.stream
  }
}

/** The type of a space's values: `ValueOf<typeof env.observationSpace>`. */
export type ValueOf<S> = S extends Space<infer T> ? T : never
