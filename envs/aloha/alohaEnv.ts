import { Box, type EnvMetadata, type RenderFrame, Rng, type StepResult, UserError } from '@vla-gym/gymnasium'
import { checkAction } from '../checkAction.js'
import { aloha } from '../embodiments.js'
import { checkOptions, type ManipulationEnvOptions } from '../manipulationOptions.js'
import { checkMotion, type MotionOptions } from '../motion/motionOptions.js'
import { officialEpisode } from '../officialEpisode.js'
import type { GroundingLabels, RobotEnv, RobotInfo, RobotResetOptions } from '../robotEnv.js'
import { packSnapshot, unpackSnapshot } from '../snapshot.js'
import { WIDENING } from '../tasks/placement.js'
import type { Spot } from '../tasks/task.js'
import { thingLabels } from '../thingLabels.js'
import { alohaArm, type Side, sides } from './alohaArms.js'
import { type AlohaObservation, alohaSpace } from './alohaObservation.js'
import { AlohaObserver } from './alohaObserver.js'
import { checkAlohaOptions, checkAlohaPlacement } from './alohaOptions.js'
import { alohaOutcome } from './alohaOutcome.js'
import {
  AlohaScene,
  ARM_JOINTS,
  atRest,
  CONTROL_PERIOD,
  type MotionState,
  type PathPlan,
  PER_ARM,
} from './alohaScene.js'
import type { AlohaTask } from './alohaTask.js'
import { type ExpertView, newScript, type ScriptState, type Stage, scriptAction } from './expert/script.js'
import { toolPose } from './expert/toolFollower.js'
import { planMotion } from './planMotion.js'

export interface AlohaInfo extends RobotInfo {
  /** Something is between the fingers of a gripper. */
  grasped: boolean
}

const MAX_DRAWS = 50
const OFFICIAL_EPISODES = 100
/** DOMINO's seeds start here (script/eval_policy.py). */
const FIRST_SEED = 100_000
/** rad/s, of all joints (the ViperX 300's servos). */
const MAX_JOINT_SPEED = Math.PI
const MAX_JOINT_STEP = CONTROL_PERIOD * MAX_JOINT_SPEED

/** What an episode carries beside the physics; all of it goes into snapshots. */
interface EpisodeState {
  info: AlohaInfo
  script: ScriptState
  grippers: number[]
  startHeights: number[]
  /** Most that the thing to be lifted has risen, m. */
  rise: number
  notLifted: boolean
  /** Tool positions when the episode began, [2][3], world. */
  toolStart: number[][]
  expertFailures: number
}

interface SavedState {
  readonly rng: ReturnType<Rng['save']>
  readonly motionRng: ReturnType<Rng['save']>
  readonly episode: EpisodeState
  readonly motion: MotionState
  readonly robots: number[][]
  readonly moves: number[][]
  readonly observer: ReturnType<AlohaObserver['save']>
}

/**
 * DOMINO's tasks for ALOHA: two arms at 10 Hz, something that moves.
 *
 * Action and state (14): left arm's six joint angles, rad, left gripper 0 closed ... 1 open, then the right arm's. An action is a
 * joint move of 0.1 s to these angles; what is out of a joint's range or faster than 3.1 rad/s is cut. The episode ends with its
 * success (reward 1), which where something is to be lifted counts only once it has been, when something is lost or the moving
 * thing out of bounds, or at the step limit.
 */
export class AlohaEnv implements RobotEnv {
  readonly embodiment = aloha
  readonly task: AlohaTask
  readonly options: ManipulationEnvOptions
  readonly motion: Required<MotionOptions>
  readonly observationSpace: ReturnType<typeof alohaSpace>
  readonly actionSpace: Box
  readonly metadata: EnvMetadata = { renderFps: aloha.controlFrequency }
  readonly scene: AlohaScene
  private readonly observer: AlohaObserver
  private readonly scripts: readonly Stage[][]
  private readonly view: ExpertView
  private readonly joints = new Float64Array(2 * ARM_JOINTS)
  private readonly grippers = Float64Array.of(1, 1)
  private readonly pose = new Float64Array(7)
  private rng = Rng.fromSeed(0, 'aloha')
  private motionRng = Rng.fromSeed(0, 'motion')
  private episode: EpisodeState | undefined

  constructor(task: AlohaTask, options: ManipulationEnvOptions = {}) {
    checkOptions(options)
    checkAlohaOptions(options)
    this.task = task
    this.options = options
    this.motion = checkMotion(options.motion ?? {})
    this.scene = new AlohaScene(task.objects)
    this.observer = new AlohaObserver(this.scene, task.instruction, options)
    this.observationSpace = alohaSpace(options)
    this.view = { scene: this.scene, grippers: this.grippers, elapsed: 0 }
    this.scripts = sides.map((side) => task.script(this.view, side))
    const limits = (bound: 'lower' | 'upper', gripper: number) =>
      sides.flatMap(() => [...alohaArm.joints.map((joint) => joint[bound]), gripper])
    this.actionSpace = new Box(limits('lower', 0), limits('upper', 1), [aloha.actionDim])
  }

  /** UserError if no path was found in 50 layouts. */
  reset({
    seed,
    options = {},
  }: {
    seed?: number
    options?: RobotResetOptions
  } = {}): [AlohaObservation, AlohaInfo] {
    if (seed !== undefined) {
      this.rng = Rng.fromSeed(seed, 'aloha')
      this.motionRng = Rng.fromSeed(seed, 'motion')
    }
    const asked = officialEpisode(options, this.options, OFFICIAL_EPISODES, this.rng)
    const episodeId = asked === undefined ? undefined : asked % OFFICIAL_EPISODES
    const layouts = episodeId === undefined ? this.rng : Rng.fromSeed(FIRST_SEED + episodeId, 'aloha-layout')
    const widening = this.options.placement === 'wide' && episodeId === undefined ? WIDENING : 1
    let expertFailures = 0
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const drawn = this.task.place(layouts, widening)
      const spots = options.placement ? checkAlohaPlacement(this.task, options.placement, drawn) : drawn
      const outcome = this.start(spots)
      if (outcome === 'started') {
        const episode = this.episode!
        episode.expertFailures = expertFailures
        if (episodeId !== undefined) episode.info.episodeId = episodeId
        this.observer.reset(seed)
        return [this.observer.observe(), { ...episode.info }]
      }
      if (outcome === 'expert failed') expertFailures++
    }
    throw new UserError(
      `reset: ${this.task.id}: no path at alpha ${this.motion.alpha} m/s stays in the workspace and clear of other things; use a smaller motion.alpha`,
    )
  }

  /** UserError for an action of the wrong length or with numbers that are not finite. */
  step(action: ArrayLike<number>): StepResult<AlohaObservation, AlohaInfo> {
    const episode = this.running('step')
    checkAction(action, aloha)
    const { latency, decisionSteps } = this.motion
    if (latency > 0 && episode.info.elapsedSteps % decisionSteps === 0)
      this.scene.wait(latency, this.grippers)
    this.advance(episode, action)
    this.observer.measure()
    const { info } = episode
    const truncated = !info.success && (info.failure !== undefined || info.elapsedSteps >= this.task.maxSteps)
    const answer = { ...info }
    if (info.success || truncated) answer.motion = alohaOutcome(this.task, this.scene, episode)
    return [this.observer.observe(), info.success ? 1 : 0, info.success, truncated, answer]
  }

  /** Picture of the present state for videos, 320x240. */
  render(): RenderFrame {
    return this.observer.camera.film()
  }

  grounding(): GroundingLabels {
    const labels = thingLabels(this.scene)
    const [source, target = source] = labels.names
    return { ...labels, source, target, grasped: this.episode?.info.grasped ?? false }
  }

  /** The scripted expert's action for the present state; privileged, closed loop. */
  expertAction(): Float32Array {
    const { script, info } = this.running('expertAction')
    return scriptAction(this.view, this.scripts[script.arm], script, info.elapsedSteps)
  }

  /** Joint angles near the present targets. */
  randomAction(rng: Rng): Float32Array {
    const action = new Float32Array(aloha.actionDim)
    for (const side of sides) {
      const at = PER_ARM * side
      const { target } = this.scene.moves[side]
      for (let i = 0; i < ARM_JOINTS; i++) {
        const scale = aloha.actionScale[at + i]
        action[at + i] = target[i] + rng.uniform(-scale, scale)
      }
      action[at + ARM_JOINTS] = rng.uniform() < 0.5 ? 0 : 1
    }
    return action
  }

  get segmentationNames(): readonly string[] {
    return this.observer.camera.view().segmentationNames
  }

  snapshot(): Uint8Array {
    const episode = this.running('snapshot')
    const { scene } = this
    const { world, robots, moves } = scene.save()
    const state: SavedState = {
      rng: this.rng.save(),
      motionRng: this.motionRng.save(),
      episode,
      motion: scene.state,
      robots,
      moves,
      observer: this.observer.save(),
    }
    return packSnapshot(this.task.id, state, world)
  }

  restore(bytes: Uint8Array): AlohaObservation {
    const { state, world } = unpackSnapshot<SavedState>(this.task.id, bytes)
    this.scene.restore(world, state.robots, state.moves)
    this.scene.state = state.motion
    this.rng = Rng.restore(state.rng)
    this.motionRng = Rng.restore(state.motionRng)
    this.episode = state.episode
    this.grippers.set(state.episode.grippers)
    this.observer.restore(state.observer)
    return this.observer.observe()
  }

  close(): void {
    this.scene.close()
  }

  /** Puts things in their places, plans the motion from the expert's timing and starts it. */
  private start(spots: readonly Spot[]): 'started' | 'no path' | 'expert failed' {
    const { task, scene, motion } = this
    scene.reset()
    for (const [i, { x, y, yaw }] of spots.entries()) scene.place(i, x, y, yaw)
    scene.settle()
    const still = scene.save()
    const back = () => {
      scene.restore(still.world, still.robots, still.moves)
      scene.state = atRest()
      this.grippers.fill(1)
      this.episode = this.newEpisode(task.arm(spots))
    }
    back()
    const duration = this.rehearse(task.group === 'interception')
    if (duration === undefined) return 'expert failed'
    back()
    const plan = planMotion(task, scene, this.motionRng, motion.alpha, duration)
    if (!plan) return 'no path'
    if (motion.verified) {
      this.begin(plan)
      const succeeds = this.rehearse(false) !== undefined
      back()
      if (!succeeds) return 'expert failed'
    }
    this.begin(plan)
    return 'started'
  }

  private begin(plan: PathPlan): void {
    this.scene.begin(plan, this.task.bounds)
  }

  /**
   * Plays the expert from here; the episode is spoilt by it.
   * @returns s until it has succeeded, or has grasped what is to move; undefined if it fails.
   */
  private rehearse(untilGrasp: boolean): number | undefined {
    const { task, scene } = this
    const episode = this.running('reset')
    for (let step = 1; step <= task.maxSteps; step++) {
      this.advance(episode, this.expertAction())
      const { success, failure } = episode.info
      if (success || (untilGrasp && sides.some((side) => scene.isGrasped(side, task.mover)))) {
        return step / aloha.controlFrequency
      }
      if (failure !== undefined) return undefined
    }
    return undefined
  }

  /** A control step, without an observation. */
  private advance(episode: EpisodeState, action: ArrayLike<number>): void {
    const { scene, joints, grippers, task } = this
    const { info } = episode
    info.elapsedSteps++
    if (info.failure !== undefined) return
    for (const side of sides) {
      const { target } = scene.moves[side]
      const at = PER_ARM * side
      for (let i = 0; i < ARM_JOINTS; i++) {
        const { lower, upper } = alohaArm.joints[i]
        const angle = Math.min(upper, Math.max(lower, action[at + i]))
        const step = Math.min(MAX_JOINT_STEP, Math.max(-MAX_JOINT_STEP, angle - target[i]))
        joints[ARM_JOINTS * side + i] = target[i] + step
      }
      // The sum turns -0, which a snapshot's JSON would not keep, into 0.
      grippers[side] = Math.min(1, Math.max(0, action[at + ARM_JOINTS])) + 0
      episode.grippers[side] = grippers[side]
    }
    scene.controlStep(joints, grippers)
    const failure = scene.failure()
    if (failure !== undefined) info.failure = failure
    info.grasped = this.holdsSomething()
    info.graspedOnce ||= info.grasped
    const { state } = scene
    if (state.plan?.stops && sides.some((side) => scene.isGrasped(side, task.mover))) state.held = true
    info.success = failure === undefined && this.succeeds(episode)
    info.successOnce ||= info.success
  }

  private holdsSomething(): boolean {
    const { scene } = this
    return sides.some((side) => scene.objects.some((_, i) => scene.isGrasped(side, i)))
  }

  private succeeds(episode: EpisodeState): boolean {
    const { task, scene, grippers } = this
    const { startHeights } = episode
    const { lift } = task
    if (lift) {
      const z = scene.objectPose(lift.object, this.pose)[2]
      episode.rise = Math.max(episode.rise, z - startHeights[lift.object])
    }
    if (!task.succeeds({ scene, grippers, startHeights })) return false
    const lifted = !lift || episode.rise >= lift.height
    episode.notLifted ||= !lifted
    return lifted
  }

  private newEpisode(arm: Side): EpisodeState {
    const { scene } = this
    const pose = new Float64Array(7)
    return {
      info: { success: false, successOnce: false, elapsedSteps: 0, grasped: false, graspedOnce: false },
      script: newScript(arm),
      grippers: [1, 1],
      startHeights: scene.objects.map((_, i) => scene.objectPose(i, pose)[2]),
      rise: 0,
      notLifted: false,
      toolStart: sides.map((side) => Array.from(toolPose(scene, side, pose)).slice(0, 3)),
      expertFailures: 0,
    }
  }

  private running(what: string): EpisodeState {
    if (!this.episode) throw new UserError(`${what}() before reset(): call reset() first`)
    return this.episode
  }
}
