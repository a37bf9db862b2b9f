import { type EnvMetadata, type RenderFrame, Rng, type StepResult, UserError } from '@vla-gym/gymnasium'
import { appearanceSpec } from '../../appearance/index.js'
import { widowx } from '../../embodiments.js'
import { endEffectorActionSpace } from '../../endEffectorAction.js'
import {
  ManipulationEnv,
  type ManipulationEnvOptions,
  type ManipulationInfo,
  type ManipulationObservation,
} from '../../manipulationEnv.js'
import { checkOptions } from '../../manipulationOptions.js'
import type { ImageSpec } from '../../manipulationView.js'
import { observationSpace } from '../../observation.js'
import { officialEpisode } from '../../officialEpisode.js'
import type { GroundingLabels, RobotEnv, RobotResetOptions } from '../../robotEnv.js'
import { packSnapshot, unpackSnapshot } from '../../snapshot.js'
import type { Choice } from './choice.js'
import { giveBackEnv, takeEnv } from './idleEnvs.js'
import { OFFICIAL_EPISODES, type OodKind } from './kinds.js'
import { Stage } from './stage.js'

interface EpisodeState {
  readonly choice: Choice
  readonly episodeId?: number
}

interface SavedState extends EpisodeState {
  readonly rng: ReturnType<Rng['save']>
}

interface Inner {
  readonly key: string
  readonly env: ManipulationEnv
}

/**
 * Episodes of one kind of change: each has a task of its own, with its own things, words and success test, and is
 * played in a `ManipulationEnv` of that task. An official episode is the same whatever the seed.
 */
export class OodEnv implements RobotEnv {
  readonly embodiment = widowx
  readonly kind: OodKind
  readonly options: ManipulationEnvOptions
  readonly observationSpace: ReturnType<typeof observationSpace>
  readonly actionSpace = endEffectorActionSpace()
  readonly metadata: EnvMetadata = { renderFps: 5 }
  private readonly innerOptions: ManipulationEnvOptions
  private rng = Rng.fromSeed(0, 'ood')
  private inner: Inner | undefined
  /** By the scene's id. */
  private readonly stages = new Map<string, Stage>()
  private episode: EpisodeState = { choice: {} }

  constructor(kind: OodKind, options: ManipulationEnvOptions = {}) {
    checkOptions(options)
    if (options.motion) throw new UserError(`motion: nothing moves in ${kind.id}; leave the option out`)
    if (options.distractors && !kind.clutter)
      throw new UserError(`distractors: ${kind.id} says what is on the table; leave the option out`)
    this.kind = kind
    this.options = options
    const { share: _, ...looks } = appearanceSpec(options.appearance)
    const appearance = kind.appearance ? { ...looks, ...kind.appearance } : options.appearance
    this.innerOptions = { ...options, distractors: false, appearance }
    this.observationSpace = observationSpace(options)
  }

  reset({
    seed,
    options = {},
  }: {
    seed?: number
    options?: RobotResetOptions
  } = {}): [ManipulationObservation, ManipulationInfo] {
    const { kind } = this
    if (seed !== undefined) this.rng = Rng.fromSeed(seed, 'ood', kind.id)
    const asked = officialEpisode(options, this.options, OFFICIAL_EPISODES, this.rng)
    const episodeId = asked === undefined ? undefined : asked % OFFICIAL_EPISODES
    const draws = episodeId === undefined ? this.rng : Rng.fromSeed('ood official', kind.id, episodeId)
    const chosen = kind.choose(draws, episodeId)
    const choice = this.options.distractors ? kind.clutter!(chosen, draws) : chosen
    this.episode = { choice, ...(episodeId !== undefined && { episodeId }) }
    const env = this.take(choice)
    const { placement } = options
    const [observation, info] = env.reset({
      seed: draws.uint32(),
      options: placement ? { placement } : { episodeId: choice.layout },
    })
    return [observation, this.tell(info)]
  }

  step(action: ArrayLike<number>): StepResult<ManipulationObservation, ManipulationInfo> {
    const result = this.env.step(action)
    result[4] = this.tell(result[4])
    return result
  }

  render(): RenderFrame {
    return this.env.render()
  }

  expertAction(): Float32Array {
    return this.env.expertAction()
  }

  randomAction(rng: Rng): Float32Array {
    return this.env.randomAction(rng)
  }

  grounding(): GroundingLabels {
    return this.env.grounding()
  }

  get segmentationNames(): readonly string[] {
    return this.env.segmentationNames
  }

  snapshot(): Uint8Array {
    const world = this.env.snapshot()
    const state: SavedState = { rng: this.rng.save(), ...this.episode }
    return packSnapshot(this.snapshotKind(), state, world)
  }

  restore(bytes: Uint8Array): ManipulationObservation {
    const { state, world } = unpackSnapshot<SavedState>(this.snapshotKind(), bytes)
    const { rng, ...episode } = state
    const observation = this.take(episode.choice).restore(world)
    this.rng = Rng.restore(rng)
    this.episode = episode
    return observation
  }

  close(): void {
    this.inner?.env.close()
    this.inner = undefined
  }

  private snapshotKind(): string {
    return `ood:${this.kind.id}`
  }

  /** Environment of the episode. */
  private get env(): ManipulationEnv {
    if (!this.inner) throw new UserError(`${this.kind.id} has no episode yet: call reset() first`)
    return this.inner.env
  }

  private take({ layout: _, ...things }: Choice): ManipulationEnv {
    const { kind, innerOptions } = this
    const key = JSON.stringify([kind.id, things, innerOptions])
    if (this.inner?.key !== key) {
      if (this.inner) {
        this.inner.env.lookThrough(undefined)
        giveBackEnv(this.inner.key, this.inner.env)
      }
      this.inner = { key, env: takeEnv(key, () => new ManipulationEnv(kind.task(things), innerOptions)) }
      if (this.options.image) this.present(this.inner.env, this.options.image)
    }
    return this.inner.env
  }

  private present(env: ManipulationEnv, image: ImageSpec): void {
    const { scene } = env
    let stage = this.stages.get(scene.spec.id)
    if (!stage) this.stages.set(scene.spec.id, (stage = new Stage(scene, this.kind.things, image)))
    stage.show(scene)
    env.lookThrough(stage.view)
  }

  private tell({ episodeId: _, ...info }: ManipulationInfo): ManipulationInfo {
    const { choice, episodeId } = this.episode
    const { task, source, target } = choice
    const variant = task ?? (source && `${source} on ${target}`)
    return {
      ...info,
      ...(variant !== undefined && { variant }),
      ...(episodeId !== undefined && { episodeId }),
    }
  }
}
