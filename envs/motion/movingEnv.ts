import { Rng, type StepResult, UserError } from '@vla-gym/gymnasium'
import { type InterceptState, type InterceptView, interceptAction } from '../experts/movingIntercept.js'
import { initialMovingState, movingPickAndPlaceAction } from '../experts/movingPickAndPlace.js'
import { MovingTool } from '../experts/movingTool.js'
import type { PickAndPlaceView } from '../experts/pickAndPlace.js'
import { placedThings } from '../experts/placedThings.js'
import { pressAction } from '../experts/press.js'
import {
  ManipulationEnv,
  type ManipulationEnvOptions,
  type ManipulationInfo,
  type ManipulationObservation,
} from '../manipulationEnv.js'
import { fromRotationVector, multiply } from '../math/quat.js'
import type { RobotResetOptions } from '../robotEnv.js'
import { widowx250s } from '../robots/widowx250s.js'
import { CONTROL_PERIOD } from '../scenes/scene.js'
import { packSnapshot, unpackSnapshot } from '../snapshot.js'
import { HOLD, LIFT_HEIGHT, type MovingTask, PRESS_RADIUS } from '../tasks/moving/movingTask.js'
import { BUTTON_TOP, BUTTON_TRAVEL } from '../tasks/moving/objects.js'
import { fingertips } from './fingertips.js'
import { checkMotion, type MotionOptions } from './motionOptions.js'
import type { MotionPlan } from './motionPlan.js'
import { type MotionState, MovingScene } from './movingScene.js'
import { layBelt, moverOf, planMotion } from './planMotion.js'
import { type MotionOutcome, motionOutcome, routeCompletion } from './score.js'

/** DOMINO moves things by 0.1 s at every policy step, whatever its length. */
const POLICY_STEP = 0.1
const MAX_DRAWS = 50
/** Tool height above the fingertips, m, when it points down; and how deep the expert presses below the cap. */
const TCP_HEIGHT = 0.0185
const PRESS_DEPTH = 0.009

interface EpisodeState {
  successOnce: boolean
  notLifted: boolean
  /** Control steps in a row that it has been held over the pad. */
  holdSteps: number
  /** Tool position at reset, base frame. */
  start: number[]
  expertFailures: number
  expert: ReturnType<typeof initialMovingState>
  intercept: InterceptState
  grasped: boolean
  success: boolean
  elapsedSteps: number
  /** Last observed state. */
  observed: number[]
}

interface SavedState {
  readonly motionRng: ReturnType<Rng['save']>
  readonly episode: EpisodeState
  readonly motion: MotionState
}

/**
 * A WidowX task with something that moves, by DOMINO's rules: the episode ends with its success, which for objects
 * that are to be placed counts only once they have been lifted, or when the moving thing gets out of bounds.
 * Observations and actions are those of `ManipulationEnv`.
 */
export class MovingEnv extends ManipulationEnv {
  declare readonly scene: MovingScene
  readonly moving: MovingTask
  readonly motion: Required<MotionOptions>
  private readonly homeRotation: number[]
  private readonly tool = new MovingTool(widowx250s, CONTROL_PERIOD)
  private motionRng = Rng.fromSeed(0, 'motion')
  private own: EpisodeState = newEpisode()
  private expertFailures = 0

  constructor(moving: MovingTask, options: ManipulationEnvOptions = {}) {
    const { task, extras, clutter } = moving
    const objects = [task.source, task.target, ...extras, ...clutter]
    const scene = new MovingScene(task.scene, widowx250s, objects, options.drive)
    scene.clutterFrom = objects.length - clutter.length
    super(task, options, [], scene)
    this.moving = moving
    this.motion = checkMotion(options.motion ?? {})
    this.homeRotation = Array.from(scene.robot.kinematics.tcp).slice(3)
  }

  /** UserError if no path was found in 50 layouts. */
  override reset({
    seed,
    options,
  }: {
    seed?: number
    options?: RobotResetOptions
  } = {}): [ManipulationObservation, ManipulationInfo] {
    if (seed !== undefined) this.motionRng = Rng.fromSeed(seed, 'motion')
    this.expertFailures = 0
    let [, info] = super.reset({ seed, options })
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const observation = this.start()
      if (observation) return [observation, info]
      ;[, info] = super.reset({ options })
    }
    const { alpha } = this.motion
    throw new UserError(
      `reset: ${this.task.id}: no path at alpha ${alpha} m/s stays in the workspace and clear of other things; use a smaller motion.alpha`,
    )
  }

  override step(action: ArrayLike<number>): StepResult<ManipulationObservation, ManipulationInfo> {
    const { latency, decisionSteps } = this.motion
    if (latency > 0 && this.own.elapsedSteps % decisionSteps === 0) this.scene.wait(latency)
    return this.advance(action)
  }

  override expertAction(): Float32Array {
    const { scene, moving, own } = this
    const view = this.view()
    if (moving.goal === 'press') {
      const goal = Array.from(view.source)
      goal[2] = view.tableHeight + BUTTON_TOP - PRESS_DEPTH + TCP_HEIGHT
      return pressAction({ tcp: view.tcp, commanded: view.commanded, goal, step: this.stepOf(0) })
    }
    const { pick } = own.expert
    if (moving.motion !== 'path' && scene.state.plan && (pick.phase === 'reach' || pick.phase === 'close')) {
      if (!own.grasped) return interceptAction(this.interceptView(view), own.intercept, this.tool)
      pick.phase = 'carry'
      pick.since = own.elapsedSteps
      own.intercept.closing = 0
    }
    const sourceStep = own.grasped ? STILL : this.stepOf(0)
    const targetStep = scene.objects[1].fixed ? STILL : this.stepOf(1)
    return movingPickAndPlaceAction(view, own.expert, sourceStep, targetStep)
  }

  override snapshot(): Uint8Array {
    const world = super.snapshot()
    const state: SavedState = {
      motionRng: this.motionRng.save(),
      episode: this.own,
      motion: this.scene.state,
    }
    return packSnapshot(this.kind(), state, world)
  }

  override restore(bytes: Uint8Array): ManipulationObservation {
    const { state, world } = unpackSnapshot<SavedState>(this.kind(), bytes)
    const observation = super.restore(world)
    this.motionRng = Rng.restore(state.motionRng)
    this.own = state.episode
    this.scene.state = state.motion
    return observation
  }

  private kind(): string {
    return `moving:${this.task.id}`
  }

  private interceptView(view: PickAndPlaceView): InterceptView {
    const { scene } = this
    const place = (steps: number) => scene.toBase([...scene.placeIn(0, steps * CONTROL_PERIOD, [0, 0]), 0])
    return { ...view, q: scene.robot.q, place, waits: scene.waits() / CONTROL_PERIOD }
  }

  /** Plans the motion in the present layout and starts it; undefined if that cannot be done. */
  private start(): ManipulationObservation | undefined {
    const { moving, scene, motion } = this
    layBelt(moving, scene)
    this.measureLift()
    const { level } = moving
    if (level === 0) {
      scene.stayPut()
      return this.begun(super.restore(super.snapshot()))
    }
    const rate =
      moving.motion === 'path' && motion.clock === 'policy-steps' ? POLICY_STEP / CONTROL_PERIOD : 1
    let still = super.snapshot()
    const duration = this.rehearse(undefined, moving.mover === 'object')
    super.restore(still)
    if (duration === undefined) return undefined
    const plan = planMotion({ ...moving, level }, scene, this.motionRng, motion, duration * rate)
    if (!plan) return undefined
    if (motion.verified) {
      still = super.snapshot()
      const succeeds = this.rehearse({ plan, rate }, false) !== undefined
      super.restore(still)
      if (!succeeds) {
        this.expertFailures++
        return undefined
      }
    }
    const observation = super.restore(super.snapshot())
    this.begin({ plan, rate })
    return this.begun(observation)
  }

  private begun(observation: ManipulationObservation): ManipulationObservation {
    this.own = this.newEpisode(observation)
    return observation
  }

  private begin({ plan, rate }: Motion): void {
    this.scene.begin(plan, this.moving.bounds, rate)
  }

  /**
   * Plays the expert from here, on what moves or on what stands still; the episode is spoilt by it.
   * @returns s until it has succeeded, or has grasped; undefined if it fails.
   */
  private rehearse(motion: Motion | undefined, untilGrasp: boolean): number | undefined {
    const { task } = this
    this.scene.state = { ...this.scene.state, plan: undefined }
    if (motion) this.begin(motion)
    this.own = this.newEpisode(undefined)
    for (let step = 1; step <= task.maxSteps; step++) {
      const [, , terminated, truncated, info] = this.advance(this.expertAction())
      if (terminated || (untilGrasp && info.grasped)) return step * CONTROL_PERIOD
      if (truncated) return undefined
    }
    return undefined
  }

  private advance(action: ArrayLike<number>): StepResult<ManipulationObservation, ManipulationInfo> {
    const [observation, , , truncated, info] = super.step(action)
    const { own, moving } = this
    own.observed = [...observation.state]
    own.elapsedSteps = info.elapsedSteps
    own.grasped = info.grasped
    if (info.grasped && moverOf(moving) === 0) this.scene.state.held = true
    const success = info.failure === undefined && this.meetsGoal(info)
    own.success = success
    own.successOnce ||= success
    const answer: ManipulationInfo = { ...info, success, successOnce: own.successOnce }
    if (moving.level > 0 && (success || truncated)) answer.motion = this.outcome(answer)
    return [observation, success ? 1 : 0, success, truncated && !success, answer]
  }

  private meetsGoal(info: ManipulationInfo): boolean {
    const { scene, own, moving } = this
    if (moving.goal === 'press') return this.isPressed()
    if (moving.goal === 'hold') {
      const source = scene.objectCenter(0, new Float64Array(3))
      const target = scene.objectCenter(1, new Float64Array(3))
      const off = Math.hypot(source[0] - target[0], source[1] - target[1])
      const above = source[2] - target[2]
      const held = info.grasped && off <= HOLD.radius && above >= HOLD.low && above <= HOLD.high
      own.holdSteps = held ? own.holdSteps + 1 : 0
      return own.holdSteps >= HOLD.steps
    }
    const lifted = this.lift >= LIFT_HEIGHT
    own.notLifted ||= info.success && !lifted
    return info.success && lifted
  }

  private isPressed(): boolean {
    const { scene } = this
    const [x, y, z] = scene.objectPose(0, new Float64Array(7))
    const [tipX, tipY, lowest] = fingertips(scene.robot)
    const near = Math.abs(tipX - x) <= PRESS_RADIUS && Math.abs(tipY - y) <= PRESS_RADIUS
    return near && lowest < z + BUTTON_TOP - BUTTON_TRAVEL
  }

  private outcome(info: ManipulationInfo): MotionOutcome {
    const { scene, own, moving } = this
    const { tcp } = scene.robot.kinematics
    const [x, y, z] = scene.toBase(scene.objectCenter(moverOf(moving), new Float64Array(3)))
    const before = Math.hypot(own.start[0] - x, own.start[1] - y, own.start[2] - z)
    const now = Math.hypot(tcp[0] - x, tcp[1] - y, tcp[2] - z)
    const { outOfBounds, touched } = scene.state
    return motionOutcome({
      info,
      routeCompletion: routeCompletion(info.success, before, now),
      outOfBounds,
      notLifted: own.notLifted,
      touched: touched.map((i) => scene.objects[i].name),
      expertFailures: own.expertFailures,
    })
  }

  private newEpisode(observation: ManipulationObservation | undefined): EpisodeState {
    const { scene } = this
    return {
      ...newEpisode(),
      expertFailures: this.expertFailures,
      start: Array.from(scene.robot.kinematics.tcp).slice(0, 3),
      observed: [...(observation?.state ?? REST)],
    }
  }

  /** Way of an object during a control step, base frame, m. */
  private stepOf(index: number): [number, number] {
    const { scene } = this
    const [vx, vy] = scene.velocity(index, [0, 0])
    const from = scene.toBase([0, 0, 0])
    const to = scene.toBase([vx * CONTROL_PERIOD, vy * CONTROL_PERIOD, 0])
    return [to[0] - from[0], to[1] - from[1]]
  }

  private view(): PickAndPlaceView {
    const { scene, task, own, homeRotation } = this
    const { tcp } = scene.robot.kinematics
    const { observed } = own
    const turn = fromRotationVector([0, 0, 0, 1], observed.slice(11, 14))
    const commanded = [0, 1, 2].map((i) => tcp[i] + observed[8 + i])
    commanded.push(...multiply([0, 0, 0, 1], turn, Array.from(tcp).slice(3)))
    return {
      step: own.elapsedSteps,
      tcp,
      commanded,
      homeRotation,
      opening: observed[6],
      grasped: own.grasped,
      success: own.success,
      ...placedThings(scene, task),
    }
  }
}

interface Motion {
  readonly plan: MotionPlan
  readonly rate: number
}

const STILL = [0, 0] as const
/** State at reset as far as the expert reads it: open, the command where the tool is. */
const REST = [0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]

function newEpisode(): EpisodeState {
  return {
    successOnce: false,
    notLifted: false,
    holdSteps: 0,
    start: [0, 0, 0],
    expertFailures: 0,
    expert: initialMovingState(),
    intercept: { closing: 0 },
    grasped: false,
    success: false,
    elapsedSteps: 0,
    observed: [...REST],
  }
}
