import {
  Box,
  Dict,
  type Env,
  type EnvMetadata,
  PRINTABLE,
  type RenderFrame,
  Rng,
  type StepResult,
  Text,
  UserError,
} from '@vla-gym/gymnasium'
import { widowx } from './embodiments.js'
import { initialState, type PickAndPlaceView, pickAndPlaceAction } from './experts/pickAndPlace.js'
import { type ImageSpec, ManipulationView } from './manipulationView.js'
import { differenceVector, wrapAngle, yawOf } from './math/quat.js'
import { LazyObservation, type ManipulationObservation } from './observation.js'
import { EeDeltaController } from './robots/eeDeltaController.js'
import { fingerTarget } from './robots/gripper.js'
import { widowx250s } from './robots/widowx250s.js'
import { flatTable } from './scenes/flatTable.js'
import type { ObjectSpec } from './scenes/objects.js'
import { Scene } from './scenes/scene.js'
import { packSnapshot, unpackSnapshot } from './snapshot.js'
import { freeSpot } from './tasks/placement.js'
import { PutOnEvaluation, type PutOnStatus } from './tasks/putOn.js'
import type { Placement, PutOnTask } from './tasks/task.js'

export type { ImageSpec } from './manipulationView.js'
export type { ManipulationObservation } from './observation.js'

export interface ManipulationEnvOptions {
  /** null or absent: no camera, and `obs.image` is empty. */
  readonly image?: ImageSpec | null
  /** 'official': SimplerEnv's grid; 'random': uniform over the same squares. Default 'random'. */
  readonly placement?: 'official' | 'random'
  /** Terminate after this many successful control steps in a row; 0 (default): fixed-length episodes. */
  readonly successSteps?: number
  /** Put the suite's other objects on the table too (for grounding data). */
  readonly distractors?: boolean
}

export interface ManipulationInfo extends PutOnStatus {
  successOnce: boolean
  graspedOnce: boolean
  elapsedSteps: number
  /** Official layout of this episode. */
  episodeId?: number
  /** Why the episode was cut off early. */
  failure?: string
}

/** Privileged labels for training: what stands where. */
export interface GroundingLabels {
  names: string[]
  /** Centres of mass, [names.length, 3], base frame, m. */
  positions: Float32Array
  /** Angles about the vertical in the base frame, rad, wrapped by each object's symmetry. */
  yaws: Float32Array
  source: string
  target: string
  grasped: boolean
}

const ACTION_LIMITS = [1, 1, 1, Math.PI / 2, Math.PI / 2, Math.PI / 2, 1]
const VIDEO = { width: 320, height: 240 }

/** What an episode carries beside the physics and the controller; all of it goes into snapshots. */
interface EpisodeState {
  info: ManipulationInfo
  gripper: number
  successesInARow: number
  expert: ReturnType<typeof initialState>
}

/**
 * SimplerEnv's WidowX put-on tasks: a Cartesian-delta arm at 5 Hz over a table with two objects.
 *
 * Action (7): translation m and rotation vector rad of the running target, base axes; gripper -1 closed,
 * +1 open. As in SimplerEnv the arm part is not clipped. Reward 1 while the success test holds, else 0.
 * `reset({ options: { episodeId } })` gives an official layout whatever the placement option.
 */
export class ManipulationEnv implements Env<ManipulationObservation, Float32Array, ManipulationInfo> {
  readonly task: PutOnTask
  readonly options: ManipulationEnvOptions
  readonly observationSpace: Dict<{ image: Box<'uint8'>; state: Box; instruction: Text }>
  readonly actionSpace = new Box(
    ACTION_LIMITS.map((limit) => -limit),
    ACTION_LIMITS,
    [7],
  )
  readonly metadata: EnvMetadata = { renderFps: 5 }
  readonly scene: Scene
  private readonly controller = new EeDeltaController(widowx250s)
  private readonly evaluation: PutOnEvaluation
  private readonly homeRotation: Float64Array
  private readonly a = new Float64Array(7)
  private readonly b = new Float64Array(7)
  private readonly vector = new Float64Array(3)
  private rng = Rng.fromSeed(0, 'manipulation')
  private episode: EpisodeState = startOfEpisode()
  private observation: LazyObservation | undefined
  private camera: ManipulationView | undefined
  private video: ManipulationView | undefined

  /** @param others the suite's other objects, placed when `distractors` is set. */
  constructor(task: PutOnTask, options: ManipulationEnvOptions = {}, others: readonly ObjectSpec[] = []) {
    checkOptions(options)
    this.task = task
    this.options = options
    this.scene = new Scene(flatTable, widowx250s, [
      task.source,
      task.target,
      ...(options.distractors ? others : []),
    ])
    this.evaluation = new PutOnEvaluation(task, this.scene)
    this.homeRotation = this.scene.robot.kinematics.tcp.slice(3)
    const { width = 0, height = 0 } = options.image ?? {}
    this.observationSpace = new Dict({
      image: new Box(0, 255, [height, width, 3], 'uint8'),
      state: new Box(-Infinity, Infinity, [widowx.stateDim]),
      instruction: new Text(200, { charset: PRINTABLE }),
    })
  }

  reset({
    seed,
    options = {},
  }: {
    seed?: number
    options?: { episodeId?: number }
  } = {}): [ManipulationObservation, ManipulationInfo] {
    if (seed !== undefined) this.rng = Rng.fromSeed(seed, 'manipulation')
    const episodeId = this.chooseEpisode(options.episodeId)
    const placement = episodeId === undefined ? this.task.random(this.rng) : this.task.official(episodeId)
    this.place(placement)
    this.controller.reset(this.scene.robot.q)
    this.evaluation.reset()
    this.episode = startOfEpisode()
    const { info } = this.episode
    Object.assign(info, this.evaluation.evaluate())
    if (episodeId !== undefined) info.episodeId = episodeId
    return [this.observe(), { ...info }]
  }

  /** UserError for an action of the wrong length or with numbers that are not finite. */
  step(action: ArrayLike<number>): StepResult<ManipulationObservation, ManipulationInfo> {
    if (!this.observation) throw new UserError('step() before reset(): call reset() first')
    checkAction(action)
    const { scene, episode } = this
    const { info } = episode
    info.elapsedSteps++
    if (info.failure === undefined) {
      episode.gripper = Math.min(1, Math.max(-1, action[6]))
      this.controller.update(action, scene.robot.q)
      scene.controlStep(this.controller.jointTarget, fingerTarget(widowx250s, episode.gripper))
      this.judge()
    }
    const { successSteps = 0 } = this.options
    const terminated = successSteps > 0 && episode.successesInARow >= successSteps
    const truncated = info.failure !== undefined || info.elapsedSteps >= this.task.maxSteps
    return [this.observe(), info.success ? 1 : 0, terminated, truncated, { ...info }]
  }

  /** Picture of the present state for videos, 320x240. */
  render(): RenderFrame {
    this.video ??= new ManipulationView(this.scene, VIDEO)
    return { ...VIDEO, data: this.video.render() }
  }

  grounding(): GroundingLabels {
    const { scene } = this
    const count = scene.objects.length
    const positions = new Float32Array(3 * count)
    const yaws = new Float32Array(count)
    for (const [i, object] of scene.objects.entries()) {
      positions.set(scene.toBase(scene.objectCenter(i, this.vector)), 3 * i)
      const pose = scene.toBase(scene.objectPose(i, this.a))
      yaws[i] = wrapAngle(yawOf(pose.subarray(3)), object.graspPeriod)
    }
    return {
      names: scene.objects.map((object) => object.name),
      positions,
      yaws,
      source: this.task.source.name,
      target: this.task.target.name,
      grasped: this.episode.info.grasped,
    }
  }

  /** The scripted expert's action for the present state; privileged, closed loop. */
  expertAction(): Float32Array {
    return pickAndPlaceAction(this.expertView(), this.episode.expert)
  }

  /** Everything that the rest of the episode, and later resets without a seed, depend on. */
  snapshot(): Uint8Array {
    if (!this.observation) throw new UserError('snapshot() before reset(): call reset() first')
    const { scene, controller } = this
    const state: SavedState = {
      rng: this.rng.save(),
      episode: this.episode,
      robot: scene.robot.save(),
      target: [...controller.target],
      jointTarget: [...controller.jointTarget],
      evaluation: this.evaluation.save(),
    }
    return packSnapshot(this.snapshotKind(), state, scene.save())
  }

  /** UserError for bytes that are not a snapshot of this task. */
  restore(bytes: Uint8Array): void {
    const { state, world } = unpackSnapshot<SavedState>(this.snapshotKind(), bytes)
    this.scene.restore(world, state.robot)
    this.rng = Rng.restore(state.rng)
    this.episode = state.episode
    this.controller.target.set(state.target)
    this.controller.jointTarget.set(state.jointTarget)
    this.evaluation.restore(state.evaluation)
    this.observe()
  }

  close(): void {
    this.scene.close()
  }

  private snapshotKind(): string {
    return `${this.task.id}:${this.scene.objects.length}`
  }

  private chooseEpisode(episodeId: number | undefined): number | undefined {
    if (episodeId === undefined) {
      const official = this.options.placement === 'official'
      return official ? this.rng.integers(0, this.task.officialEpisodes) : undefined
    }
    if (!Number.isInteger(episodeId) || episodeId < 0) {
      throw new UserError(`reset: options.episodeId must be an integer >= 0, got ${episodeId}`)
    }
    return episodeId
  }

  private place({ source, target }: Placement): void {
    const { scene, rng } = this
    scene.reset()
    const spots = [source, target]
    while (spots.length < scene.objects.length) {
      const taken = spots.map((spot, i) => ({ spot, footprint: scene.objects[i].footprint }))
      spots.push(freeSpot(rng, scene.objects[spots.length], taken))
    }
    for (const [i, { x, y, yaw }] of spots.entries()) scene.place(i, x, y, yaw)
    scene.settle()
  }

  private judge(): void {
    const { episode, scene } = this
    const { info } = episode
    const failure = scene.failure()
    if (failure !== undefined) {
      info.failure = failure
      info.success = info.onTarget = info.grasped = false
      episode.successesInARow = 0
      return
    }
    const { consecutiveGrasp, ...status } = this.evaluation.evaluate()
    Object.assign(info, status)
    info.consecutiveGrasp ||= consecutiveGrasp
    info.graspedOnce ||= info.grasped
    info.successOnce ||= info.success
    episode.successesInARow = info.success ? episode.successesInARow + 1 : 0
  }

  private observe(): LazyObservation {
    this.observation?.expire()
    this.observation = new LazyObservation(this.task.instruction, this.state(), () => this.renderImage())
    return this.observation
  }

  private renderImage(): Uint8Array {
    if (!this.options.image) return NO_IMAGE
    this.camera ??= new ManipulationView(this.scene, this.options.image)
    return this.camera.render()
  }

  private state(): Float32Array {
    const { scene, controller, homeRotation, vector } = this
    const { tcp } = scene.robot.kinematics
    const out = new Float32Array(widowx.stateDim)
    for (let i = 0; i < 3; i++) out[i] = tcp[i]
    const rotation = tcp.subarray(3)
    out.set(differenceVector(vector, rotation, homeRotation), 3)
    out[6] = this.opening()
    out[7] = this.episode.gripper
    for (let i = 0; i < 3; i++) out[8 + i] = controller.target[i] - tcp[i]
    out.set(differenceVector(vector, controller.target.subarray(3), rotation), 11)
    return out
  }

  private opening(): number {
    const { lower, upper } = widowx250s.gripper
    return Math.min(1, Math.max(0, (this.scene.robot.fingerPosition() - lower) / (upper - lower)))
  }

  private expertView(): PickAndPlaceView {
    const { scene, task, episode, a, b } = this
    return {
      step: episode.info.elapsedSteps,
      tcp: scene.robot.kinematics.tcp,
      commanded: this.controller.target,
      homeRotation: this.homeRotation,
      opening: this.opening(),
      grasped: episode.info.grasped,
      success: episode.info.success,
      tableHeight: scene.surfaceHeight,
      source: scene.toBase(scene.objectCenter(0, new Float64Array(3))),
      target: scene.toBase(scene.objectCenter(1, new Float64Array(3))),
      sourceRotation: scene.toBase(scene.objectPose(0, a)).subarray(3),
      targetRotation: scene.toBase(scene.objectPose(1, b)).subarray(3),
      sourcePeriod: task.source.graspPeriod,
      targetPeriod: task.target.graspPeriod,
      graspHeight: task.source.graspHeight,
      restHeight: task.restHeight,
      placeTolerance: task.placeTolerance,
    }
  }
}

interface SavedState {
  readonly rng: ReturnType<Rng['save']>
  readonly episode: EpisodeState
  readonly robot: number[]
  readonly target: number[]
  readonly jointTarget: number[]
  readonly evaluation: ReturnType<PutOnEvaluation['save']>
}

const NO_IMAGE = new Uint8Array(0)

function startOfEpisode(): EpisodeState {
  return {
    info: {
      success: false,
      successOnce: false,
      elapsedSteps: 0,
      grasped: false,
      graspedOnce: false,
      consecutiveGrasp: false,
      movedCorrectObject: false,
      movedWrongObject: false,
      onTarget: false,
    },
    gripper: 1,
    successesInARow: 0,
    expert: initialState(),
  }
}

function checkAction(action: ArrayLike<number>): void {
  if (action.length !== widowx.actionDim) {
    throw new UserError(`step: an action has ${widowx.actionDim} numbers, got ${action.length}`)
  }
  for (let i = 0; i < widowx.actionDim; i++) {
    if (!Number.isFinite(action[i])) {
      throw new UserError(`step: action[${i}] (${widowx.actionNames[i]}) is ${action[i]}; it must be finite`)
    }
  }
}

function checkOptions({ image, placement, successSteps = 0 }: ManipulationEnvOptions): void {
  if (placement !== undefined && placement !== 'official' && placement !== 'random') {
    throw new UserError(`placement must be 'official' or 'random', got '${placement}'`)
  }
  if (!Number.isInteger(successSteps) || successSteps < 0) {
    throw new UserError(`successSteps must be an integer >= 0, got ${successSteps}`)
  }
  if (!image) return
  const [x, y, w, h] = image.crop ?? [0, 0, 640, 480]
  if (!(w > 0 && h > 0 && x >= 0 && y >= 0 && x + w <= 640 && y + h <= 480)) {
    throw new UserError(`image crop [${image.crop}] must be x, y, width, height inside 640x480`)
  }
}
