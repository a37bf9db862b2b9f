import { type EnvMetadata, type RenderFrame, Rng, type StepResult, UserError } from '@vla-gym/gymnasium'
import { checkAction } from '../checkAction.js'
import { googleRobot } from '../embodiments.js'
import { endEffectorActionSpace, randomEndEffectorAction } from '../endEffectorAction.js'
import type { ManipulationEnvOptions } from '../manipulationOptions.js'
import { wrapAngle, yawOf } from '../math/quat.js'
import { observationSpace } from '../observation.js'
import { officialEpisode } from '../officialEpisode.js'
import type {
  GroundingLabels,
  RobotEnv,
  RobotInfo,
  RobotObservation,
  RobotResetOptions,
} from '../robotEnv.js'
import { packSnapshot, unpackSnapshot } from '../snapshot.js'
import { WIDENING } from '../tasks/placement.js'
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
  readonly actionSpace = endEffectorActionSpace()
  readonly metadata: EnvMetadata = { renderFps: 3 }
  readonly scene: GoogleScene
  private readonly evaluation: Evaluation
  private readonly observer: GoogleObserver
  private rng = Rng.fromSeed(0, 'manipulation')
  private episode: EpisodeState | undefined

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
    const episodeId = officialEpisode(options, this.options, this.task.officialEpisodes, this.rng)
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
    const episode = this.running('step')
    checkAction(action, googleRobot)
    const { scene } = this
    const { info } = episode
    info.elapsedSteps++
    if (info.failure === undefined) {
      scene.controlStep(action)
      this.observer.measure()
      this.judge(episode)
    }
    const { successSteps = 0 } = this.options
    const terminated = successSteps > 0 && episode.successesInARow >= successSteps
    const truncated = info.failure !== undefined || info.elapsedSteps >= this.task.maxSteps
    return [this.observe(), info.success ? 1 : 0, terminated, truncated, { ...info }]
  }

  /** Picture of the present state for videos, 320x256. */
  render(): RenderFrame {
    return this.observer.camera.film()
  }

  grounding(): GroundingLabels {
    const { scene } = this
    const { layout, info } = this.running('grounding')
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
    const { task, scene } = this
    const { layout, info, expert } = this.running('expertAction')
    return expertAction(task, scene, layout, { step: info.elapsedSteps, grasped: info.grasped }, expert)
  }

  randomAction(rng: Rng): Float32Array {
    return randomEndEffectorAction(rng, googleRobot, [-1, 0, 1])
  }

  get segmentationNames(): readonly string[] {
    return this.observer.camera.view().segmentationNames
  }

  snapshot(): Uint8Array {
    const episode = this.running('snapshot')
    const { state, world } = this.scene.save()
    const saved: SavedState = {
      rng: this.rng.save(),
      episode,
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

  private judge(episode: EpisodeState): void {
    const { scene } = this
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
    return this.observer.observe(this.evaluation.instruction())
  }

  private running(what: string): EpisodeState {
    if (!this.episode) throw new UserError(`${what}() before reset(): call reset() first`)
    return this.episode
  }
}

interface SavedState {
  readonly rng: ReturnType<Rng['save']>
  readonly episode: EpisodeState
  readonly scene: ReturnType<GoogleScene['save']>['state']
  readonly observer: ReturnType<GoogleObserver['save']>
  readonly evaluation: Record<string, unknown>
}
