import { type EnvMetadata, type RenderFrame, Rng, type StepResult, UserError } from '@vla-gym/gymnasium'
import { checkAction } from './checkAction.js'
import { widowx } from './embodiments.js'
import { endEffectorActionSpace, randomEndEffectorAction } from './endEffectorAction.js'
import { initialState, type PickAndPlaceView, pickAndPlaceAction } from './experts/pickAndPlace.js'
import { placedThings } from './experts/placedThings.js'
import { checkOptions, type ManipulationEnvOptions } from './manipulationOptions.js'
import type { ManipulationView } from './manipulationView.js'
import { yawOf } from './math/quat.js'
import { type ManipulationObservation, observationSpace } from './observation.js'
import { Observer } from './observer.js'
import { officialEpisode } from './officialEpisode.js'
import type { GroundingLabels, RobotEnv, RobotInfo, RobotResetOptions } from './robotEnv.js'
import { EeDeltaController } from './robots/eeDeltaController.js'
import { fingerTarget } from './robots/gripper.js'
import { widowx250s } from './robots/widowx250s.js'
import type { ObjectSpec } from './scenes/objectSpec.js'
import { Scene } from './scenes/scene.js'
import { packSnapshot, unpackSnapshot } from './snapshot.js'
import { checkPlacement } from './tasks/customPlacement.js'
import { footing, overlaps } from './tasks/overlap.js'
import { drawUntil, freeSpot, freeSpotIn, graspRoom, type Taken, WIDENING } from './tasks/placement.js'
import { PutOnEvaluation, type PutOnStatus } from './tasks/putOn.js'
import type { Interruption, Placement, PutOnTask, Spot } from './tasks/task.js'
import { thingLabels } from './thingLabels.js'

export type { ManipulationEnvOptions } from './manipulationOptions.js'
export type { ImageSpec } from './manipulationView.js'
export type { ManipulationObservation } from './observation.js'

export interface ManipulationInfo extends PutOnStatus, RobotInfo {
  success: boolean
}

/** Control steps in which the arm gets into a starting pose of the task's: joints are then 2 % short of it at most. */
const START_STEPS = 5
/** What is put somewhere else in mid-episode does not get nearer than this to the tool, seen from above, m. */
const AWAY_FROM_TOOL = 0.07

/** What an episode carries beside the physics and the controller; all of it goes into snapshots. */
interface EpisodeState {
  info: ManipulationInfo
  gripper: number
  successesInARow: number
  /** Height of the source's centre at the start, and the most it has risen since, world frame, m. */
  sourceHeight: number
  lift: number
  instruction: string
  expert: ReturnType<typeof initialState>
}

/**
 * SimplerEnv's WidowX put-on tasks: a Cartesian-delta arm at 5 Hz over a scene with two objects.
 *
 * Action (7): translation m and rotation vector rad of the running target, base axes; gripper -1 closed,
 * +1 open. As in SimplerEnv the arm part is not clipped. Reward 1 while the success test holds, else 0.
 * `reset({ options: { episodeId } })` gives an official layout whatever the placement option, and
 * `reset({ options: { placement } })` one of the caller's.
 */
export class ManipulationEnv implements RobotEnv {
  readonly embodiment = widowx
  readonly task: PutOnTask
  readonly options: ManipulationEnvOptions
  readonly observationSpace: ReturnType<typeof observationSpace>
  readonly actionSpace = endEffectorActionSpace()
  readonly metadata: EnvMetadata = { renderFps: 5 }
  readonly scene: Scene
  private readonly controller = new EeDeltaController(widowx250s)
  private readonly evaluation: PutOnEvaluation
  private readonly observer: Observer
  private readonly a = new Float64Array(7)
  private rng = Rng.fromSeed(0, 'manipulation')
  private episode: EpisodeState = startOfEpisode()
  private started = false

  /**
   * @param others the suite's other objects, placed when `distractors` is set.
   * @param scene instead of one with the objects above.
   */
  constructor(
    task: PutOnTask,
    options: ManipulationEnvOptions = {},
    others: readonly ObjectSpec[] = [],
    scene?: Scene,
  ) {
    checkOptions(options)
    this.task = task
    this.options = options
    const { source, target, others: own = [] } = task
    const objects = [source, target, ...own, ...(options.distractors ? others : [])]
    this.scene = scene ?? new Scene(task.scene, widowx250s, objects, options.drive)
    this.evaluation = new PutOnEvaluation(task, this.scene)
    this.observer = new Observer(this.scene, options)
    this.observationSpace = observationSpace(options)
  }

  reset({
    seed,
    options = {},
  }: {
    seed?: number
    options?: RobotResetOptions
  } = {}): [ManipulationObservation, ManipulationInfo] {
    if (seed !== undefined) this.rng = Rng.fromSeed(seed, 'manipulation')
    const custom = options.placement && checkPlacement(this.task, options.placement)
    const episodeId = officialEpisode(options, this.options, this.task.officialEpisodes, this.rng)
    const spots = this.layOut(() => custom ?? this.choosePlacement(episodeId))
    this.place(spots)
    if (this.task.startPose) this.moveArm(this.task.startPose(this.rng))
    this.controller.reset(this.scene.robot.q)
    this.observer.reset(seed)
    this.evaluation.reset()
    this.episode = startOfEpisode(this.chooseWords(spots, episodeId))
    this.measureLift()
    const { info } = this.episode
    Object.assign(info, this.evaluation.evaluate())
    if (episodeId !== undefined) info.episodeId = episodeId
    return [this.observe(), { ...info }]
  }

  /** UserError for an action of the wrong length or with numbers that are not finite. */
  step(action: ArrayLike<number>): StepResult<ManipulationObservation, ManipulationInfo> {
    if (!this.started) throw new UserError('step() before reset(): call reset() first')
    checkAction(action, widowx)
    const { scene, episode } = this
    const { info } = episode
    const { interruption } = this.task
    if (interruption && info.elapsedSteps === interruption.step) this.interrupt(interruption)
    info.elapsedSteps++
    if (info.failure === undefined) {
      // The sum turns -0, which a snapshot's JSON would not keep, into 0.
      episode.gripper = Math.min(1, Math.max(-1, action[6])) + 0
      this.controller.update(action, scene.robot.q)
      scene.controlStep(this.controller.jointTarget, fingerTarget(widowx250s, episode.gripper))
      this.observer.measure()
      this.judge()
    }
    const { successSteps = 0 } = this.options
    const terminated = successSteps > 0 && episode.successesInARow >= successSteps
    const truncated = info.failure !== undefined || info.elapsedSteps >= this.task.maxSteps
    return [this.observe(), info.success ? 1 : 0, terminated, truncated, { ...info }]
  }

  /** Picture of the present state for videos, 320x240. */
  render(): RenderFrame {
    return this.observer.camera.film()
  }

  grounding(): GroundingLabels {
    return {
      ...thingLabels(this.scene),
      source: this.task.source.name,
      target: this.task.target.name,
      grasped: this.episode.info.grasped,
    }
  }

  /** The scripted expert's action for the present state; privileged, closed loop. */
  expertAction(): Float32Array {
    return pickAndPlaceAction(this.expertView(), this.episode.expert)
  }

  randomAction(rng: Rng): Float32Array {
    return randomEndEffectorAction(rng, widowx, [-1, 1])
  }

  /** Names by value of `obs.segmentation`; 0 is what nothing covers. UserError without an image size. */
  get segmentationNames(): readonly string[] {
    return this.observer.camera.view().segmentationNames
  }

  /** Everything that the rest of the episode, and later resets without a seed, depend on. */
  snapshot(): Uint8Array {
    if (!this.started) throw new UserError('snapshot() before reset(): call reset() first')
    const { scene, controller } = this
    const state: SavedState = {
      rng: this.rng.save(),
      episode: this.episode,
      robot: scene.robot.save(),
      target: [...controller.target],
      jointTarget: [...controller.jointTarget],
      observer: this.observer.save(),
      evaluation: this.evaluation.save(),
    }
    return packSnapshot(this.snapshotKind(), state, scene.save())
  }

  /** Goes on from a snapshot; the observation of that moment. UserError for bytes that are not one of this task. */
  restore(bytes: Uint8Array): ManipulationObservation {
    const { state, world } = unpackSnapshot<SavedState>(this.snapshotKind(), bytes)
    this.scene.restore(world, state.robot)
    this.rng = Rng.restore(state.rng)
    this.episode = state.episode
    this.controller.target.set(state.target)
    this.controller.jointTarget.set(state.jointTarget)
    this.observer.restore(state.observer)
    this.evaluation.restore(state.evaluation)
    return this.observe()
  }

  /** Observations are drawn by this view of the scene, which others may use too; undefined: by one of its own. */
  lookThrough(view: ManipulationView | undefined): void {
    this.observer.lookThrough(view)
  }

  close(): void {
    this.scene.close()
  }

  private snapshotKind(): string {
    return `${this.task.id}:${this.options.drive ?? 'driven'}:${this.scene.objects.length}`
  }

  private choosePlacement(episodeId: number | undefined): Placement {
    if (episodeId !== undefined) return this.task.official(episodeId)
    return this.task.random(this.rng, this.options.placement === 'wide' ? WIDENING : 1)
  }

  /** Official episodes go through the sentences in turn. */
  private chooseWords([source, target]: readonly Spot[], episodeId: number | undefined): string {
    const { task } = this
    if (!task.wordings) return task.instruction
    const sentences = task.wordings({ source, target })
    return episodeId === undefined ? this.rng.choice(sentences) : sentences[episodeId % sentences.length]
  }

  /** Spots of all objects. UserError if things find no free place. */
  private layOut(placement: () => Placement): Spot[] {
    const { objects } = this.scene
    const names = objects.map(({ name }) => name).join(', ')
    const isComplete = (spots: Spot[]) => spots.length === objects.length
    return drawUntil(`reset: ${this.task.id} with ${names}`, () => this.drawSpots(placement()), isComplete)
  }

  /** Fewer than there are objects, if one finds no place. */
  private drawSpots({ source, target }: Placement): Spot[] {
    const { rng, task } = this
    const { objects } = this.scene
    const spots = [source, target]
    for (const object of objects.slice(2)) {
      if (task.othersIn) {
        const taken = spots.map((spot, i) => (i === 0 ? graspRoom : footing)(objects[i], spot))
        const spot = freeSpotIn(task.othersIn, rng, object, taken)
        if (!spot) break
        spots.push(spot)
      } else {
        const taken = spots.map((spot, i): Taken => ({ spot, footprint: objects[i].footprint }))
        spots.push(freeSpot(rng, object, taken))
      }
    }
    return spots
  }

  private place(spots: readonly Spot[]): void {
    const { scene } = this
    scene.reset()
    for (const [i, { x, y, yaw }] of spots.entries()) scene.place(i, x, y, yaw)
    if (this.options.start === 'drop') scene.drop()
    else scene.settle()
  }

  /** The arm goes to an offset from where it starts, m or rad, before the episode begins. */
  private moveArm(offset: readonly number[]): void {
    const { scene } = this
    const target = scene.spec.mount.qpos.map((q, i) => q + offset[i])
    for (let i = 0; i < START_STEPS; i++) scene.controlStep(target, widowx250s.gripper.openTarget)
  }

  /** The source is somewhere else, apart from where it was, from other things and from the tool. */
  private interrupt({ spot, distance }: Interruption): void {
    const { scene, rng, task } = this
    const [before, ...others] = scene.objects.map((object, i) => {
      const pose = scene.objectPose(i, new Float64Array(7))
      return footing(object, { x: pose[0], y: pose[1], yaw: yawOf(pose.subarray(3)) })
    })
    const tool = scene.baseFrame.toWorld(scene.robot.kinematics.tcp.slice())
    const drawn = drawUntil(
      `${task.id}, ${task.source.name} in mid-episode`,
      () => spot(rng),
      (drawn) =>
        Math.hypot(tool[0] - drawn.x, tool[1] - drawn.y) >= AWAY_FROM_TOOL &&
        Math.hypot(before.spot.x - drawn.x, before.spot.y - drawn.y) >= distance &&
        others.every((other) => !overlaps(other, graspRoom(task.source, drawn))),
    )
    scene.place(0, drawn.x, drawn.y, drawn.yaw)
    this.evaluation.settle(0)
  }

  /** Starts to measure the source's lift from where it is now. */
  protected measureLift(): void {
    this.episode.sourceHeight = this.scene.objectCenter(0, this.a)[2]
    this.episode.lift = 0
  }

  /** The most that the source has risen since its start, m. */
  protected get lift(): number {
    return this.episode.lift
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
    episode.lift = Math.max(episode.lift, scene.objectCenter(0, this.a)[2] - episode.sourceHeight)
    info.success &&= episode.lift >= (this.options.liftHeight ?? 0)
    info.consecutiveGrasp ||= consecutiveGrasp
    info.graspedOnce ||= info.grasped
    info.successOnce ||= info.success
    episode.successesInARow = info.success ? episode.successesInARow + 1 : 0
  }

  private observe(): ManipulationObservation {
    this.started = true
    const { instruction, gripper } = this.episode
    return this.observer.observe(instruction, this.controller.target, gripper)
  }

  private expertView(): PickAndPlaceView {
    const { scene, task, episode, evaluation } = this
    const place = task.goal && Float64Array.from(task.goal.place(evaluation))
    return {
      step: episode.info.elapsedSteps,
      tcp: scene.robot.kinematics.tcp,
      commanded: this.controller.target,
      homeRotation: this.observer.homeRotation,
      opening: this.observer.opening(),
      grasped: episode.info.grasped,
      success: episode.info.success,
      ...placedThings(scene, task),
      ...(place && { target: scene.toBase(place) }),
    }
  }
}

interface SavedState {
  readonly rng: ReturnType<Rng['save']>
  readonly episode: EpisodeState
  readonly robot: number[]
  readonly target: number[]
  readonly jointTarget: number[]
  readonly observer: ReturnType<Observer['save']>
  readonly evaluation: ReturnType<PutOnEvaluation['save']>
}

function startOfEpisode(instruction = ''): EpisodeState {
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
    sourceHeight: 0,
    lift: 0,
    instruction,
    expert: initialState(),
  }
}
