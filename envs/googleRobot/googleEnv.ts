import { Box, type EnvMetadata, type RenderFrame, Rng, type StepResult, UserError } from '@vla-gym/gymnasium'
import { checkAction } from '../checkAction.js'
import { googleRobot } from '../embodiments.js'
import type { ManipulationEnvOptions } from '../manipulationOptions.js'
import type { ManipulationView } from '../manipulationView.js'
import { wrapAngle, yawOf } from '../math/quat.js'
import { observationSpace } from '../observation.js'
import type {
  GroundingLabels,
  RobotEnv,
  RobotInfo,
  RobotObservation,
  RobotResetOptions,
} from '../robotEnv.js'
import { packSnapshot, unpackSnapshot } from '../snapshot.js'
import { type Evaluation, makeEvaluation } from './evaluation/evaluation.js'
import { type ExpertState, expertAction, expertStart } from './experts/expert.js'
import { GoogleObserver, JOINTS } from './googleObserver.js'
import { checkGoogleOptions } from './googleOptions.js'
import { GoogleScene } from './googleScene.js'
import { checkGooglePlacement } from './tasks/customPlacement.js'
import type { GoogleTask, Layout } from './tasks/task.js'

export interface GoogleInfo extends RobotInfo {
  grasped: boolean
  /** How far the task's drawer is open, m. */
  drawer?: number
}

const ACTION_LIMITS = [1, 1, 1, Math.PI / 2, Math.PI / 2, Math.PI / 2, 1]
/** Of 'wide' placements. */
const WIDENING = 1.25
const VIDEO = { width: 320, height: 256 }

/** What an episode carries beside the physics and the robot; all of it goes into snapshots. */
interface EpisodeState {
  layout: Layout
  info: GoogleInfo
  successesInARow: number
  expert: ExpertState
}

/**
 * SimplerEnv's Google Robot tasks at 3 Hz.
 *
 * Action (7): translation m and rotation vector rad of the measured TCP pose, base axes; gripper -1 opens, +1 closes, by
 * up to 1.31 rad; 0 leaves its target. The arm part is not clipped. Reward 1 while the success test holds, else 0.
 * `reset({ options: { episodeId } })` gives an official layout whatever the placement option, and
 * `reset({ options: { placement } })` one of the caller's.
 */
export class GoogleEnv implements RobotEnv {
  readonly embodiment = googleRobot
  readonly task: GoogleTask
  readonly options: ManipulationEnvOptions
  readonly observationSpace: ReturnType<typeof observationSpace>
  readonly actionSpace = new Box(
    ACTION_LIMITS.map((limit) => -limit),
    ACTION_LIMITS,
    [7],
  )
  readonly metadata: EnvMetadata = { renderFps: 3 }
  readonly scene: GoogleScene
  private readonly evaluation: Evaluation
  private readonly observer: GoogleObserver
  private rng = Rng.fromSeed(0, 'manipulation')
  private episode!: EpisodeState
  private started = false
  private video: ManipulationView | undefined

  constructor(task: GoogleTask, options: ManipulationEnvOptions = {}) {
    checkGoogleOptions(options)
    this.task = task
    this.options = options
    this.scene = new GoogleScene(task.scene, task.objects)
    this.evaluation = makeEvaluation(task, this.scene)
    this.observer = new GoogleObserver(this.scene, options)
    this.observationSpace = observationSpace(options, googleRobot.stateDim, JOINTS)
  }

  reset({
    seed,
    options = {},
  }: {
    seed?: number
    options?: RobotResetOptions
  } = {}): [RobotObservation, GoogleInfo] {
    if (seed !== undefined) this.rng = Rng.fromSeed(seed, 'manipulation')
    const custom = options.placement && checkGooglePlacement(this.task, options.placement)
    const episodeId = custom ? undefined : this.chooseEpisode(options.episodeId)
    const layout = custom ?? this.chooseLayout(episodeId)
    this.place(layout)
    this.observer.reset(layout, seed)
    this.evaluation.reset(layout)
    const info: GoogleInfo = {
      success: false,
      successOnce: false,
      grasped: false,
      graspedOnce: false,
      elapsedSteps: 0,
    }
    Object.assign(info, this.evaluation.evaluate(0))
    if (episodeId !== undefined) info.episodeId = episodeId
    this.episode = { layout, info, successesInARow: 0, expert: expertStart() }
    return [this.observe(), { ...info }]
  }

  /** UserError for an action of the wrong length or with numbers that are not finite. */
  step(action: ArrayLike<number>): StepResult<RobotObservation, GoogleInfo> {
    if (!this.started) throw new UserError('step() before reset(): call reset() first')
    checkAction(action, googleRobot)
    const { scene, episode } = this
    const { info } = episode
    info.elapsedSteps++
    if (info.failure === undefined) {
      scene.controlStep(action)
      this.observer.measure()
      this.judge()
    }
    const { successSteps = 0 } = this.options
    const terminated = successSteps > 0 && episode.successesInARow >= successSteps
    const truncated = info.failure !== undefined || info.elapsedSteps >= this.task.maxSteps
    return [this.observe(), info.success ? 1 : 0, terminated, truncated, { ...info }]
  }

  /** Picture of the present state for videos, 320x256. */
  render(): RenderFrame {
    this.video ??= this.observer.newView(VIDEO)
    return { ...VIDEO, data: this.observer.picture(this.video) }
  }

  grounding(): GroundingLabels {
    const { scene } = this
    const { layout, info } = this.episode
    const here = layout.things.map(({ object }) => object)
    const positions = new Float32Array(3 * here.length)
    const yaws = new Float32Array(here.length)
    const pose = new Float64Array(7)
    for (const [i, object] of here.entries()) {
      scene.robot.base.toBase(scene.objectPose(object, pose))
      positions.set(pose.subarray(0, 3), 3 * i)
      yaws[i] = wrapAngle(yawOf(pose.subarray(3)), scene.objects[object].graspPeriod)
    }
    const named = (object: number) => scene.objects[object]?.name ?? ''
    return {
      names: here.map(named),
      positions,
      yaws,
      source: named(layout.source),
      target: named(layout.target),
      grasped: info.grasped,
    }
  }

  /** The scripted expert's action for the present state; privileged, closed loop. */
  expertAction(): Float32Array {
    const { task, scene, episode } = this
    const { layout, info, expert } = episode
    return expertAction(task, scene, layout, { step: info.elapsedSteps, grasped: info.grasped }, expert)
  }

  randomAction(rng: Rng): Float32Array {
    const { actionScale } = googleRobot
    const arm = Float32Array.from({ length: 6 }, (_, i) => rng.uniform(-actionScale[i], actionScale[i]))
    return Float32Array.of(...arm, rng.choice([-1, 0, 1]))
  }

  get segmentationNames(): readonly string[] {
    return this.observer.camera().segmentationNames
  }

  snapshot(): Uint8Array {
    if (!this.started) throw new UserError('snapshot() before reset(): call reset() first')
    const { state, world } = this.scene.save()
    const saved: SavedState = {
      rng: this.rng.save(),
      episode: this.episode,
      scene: state,
      observer: this.observer.save(),
      evaluation: this.evaluation.save(),
    }
    return packSnapshot(this.task.id, saved, world)
  }

  restore(bytes: Uint8Array): RobotObservation {
    const { state, world } = unpackSnapshot<SavedState>(this.task.id, bytes)
    this.scene.restore(world, state.scene)
    this.rng = Rng.restore(state.rng)
    this.episode = state.episode
    this.observer.restore(state.observer)
    this.evaluation.restore(state.evaluation)
    return this.observe()
  }

  close(): void {
    this.scene.close()
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

  private chooseLayout(episodeId: number | undefined): Layout {
    if (episodeId !== undefined) return this.task.official(episodeId)
    return this.task.random(this.rng, this.options.placement === 'wide' ? WIDENING : 1)
  }

  private place({ robot, things, drawers }: Layout): void {
    const { scene } = this
    scene.reset(robot)
    for (const [i, opening] of drawers.entries()) scene.drawers!.place(i, opening)
    for (const { object, x, y, rotation } of things) {
      scene.place(object, [x, y, scene.restingHeight(object, rotation), ...rotation])
    }
    scene.settle()
  }

  private judge(): void {
    const { episode, scene } = this
    const { info } = episode
    const failure = scene.failure()
    if (failure !== undefined) {
      info.failure = failure
      info.success = info.grasped = false
      episode.successesInARow = 0
      return
    }
    Object.assign(info, this.evaluation.evaluate(info.elapsedSteps))
    info.graspedOnce ||= info.grasped
    info.successOnce ||= info.success
    episode.successesInARow = info.success ? episode.successesInARow + 1 : 0
  }

  private observe(): RobotObservation {
    this.started = true
    return this.observer.observe(this.evaluation.instruction())
  }
}

interface SavedState {
  readonly rng: ReturnType<Rng['save']>
  readonly episode: EpisodeState
  readonly scene: ReturnType<GoogleScene['save']>['state']
  readonly observer: ReturnType<GoogleObserver['save']>
  readonly evaluation: Record<string, unknown>
}
