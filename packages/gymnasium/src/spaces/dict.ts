import { Space, type ValueOf } from './space.js'

type Spaces = Readonly<Record<string, Space<unknown>>>

/**
 * Objects with one value a key. An instance of a class belongs to the space when it has every key, as a field or
 * as a getter; a plain object must have no others.
 */
export class Dict<S extends Spaces = Spaces> extends Space<{ readonly [K in keyof S]: ValueOf<S[K]> }> {
  readonly spaces: S
  readonly shape = null

  constructor(spaces: S) {
    super()
    this.spaces = spaces
  }

  override seed(seed: number): void {
    super.seed(seed)
    for (const key of this.keys()) this.spaces[key].seed(this.rng.split(key).uint32())
  }

  sample(): { readonly [K in keyof S]: ValueOf<S[K]> } {
    return this.build((space) => space.sample())
  }

  contains(x: unknown): x is { readonly [K in keyof S]: ValueOf<S[K]> } {
    if (typeof x !== 'object' || x === null) return false
    const prototype = Object.getPrototypeOf(x)
    const plain = prototype === Object.prototype || prototype === null
    if (plain && Object.keys(x).some((key) => !Object.hasOwn(this.spaces, key))) return false
    const values = x as Record<string, unknown>
    return this.keys().every((key) => key in x && this.spaces[key].contains(values[key]))
  }

  /** A plain object with the space's keys; reading them evaluates getters. */
  copy(x: { readonly [K in keyof S]: ValueOf<S[K]> }): { readonly [K in keyof S]: ValueOf<S[K]> } {
    return this.build((space, key) => space.copy(x[key]))
  }

  equals(other: unknown): boolean {
    if (!(other instanceof Dict)) return false
    const keys = this.keys()
    const same = (key: string) =>
      Object.hasOwn(other.spaces, key) && this.spaces[key].equals(other.spaces[key])
    return Object.keys(other.spaces).length === keys.length && keys.every(same)
  }

  toString(): string {
    return `Dict(${this.keys()
      .map((key) => `'${key}': ${this.spaces[key]}`)
      .join(', ')})`
  }

  private keys(): (keyof S & string)[] {
    return Object.keys(this.spaces)
  }

  private build(value: (space: Space<unknown>, key: string) => unknown) {
    const entries = this.keys().map((key) => [key, value(this.spaces[key], key)])
    return Object.fromEntries(entries) as { readonly [K in keyof S]: ValueOf<S[K]> }
  }
}
