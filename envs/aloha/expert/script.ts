import { type Side, sides } from '../alohaArms.js'
import { type AlohaScene, ARM_JOINTS, PER_ARM } from '../alohaScene.js'
import { followTool, type ToolGoal } from './toolFollower.js'

/** What the expert knows at a control step. */
export interface ExpertView {
  readonly scene: AlohaScene
  /** Gripper commands, [2]. */
  readonly grippers: Float64Array
  /** Control steps since the present stage began. */
  elapsed: number
}

/** A part of a script: where the tools should be until it is done. */
export interface Stage {
  /** Undefined: the arm stays, and so does its gripper. */
  goal(side: Side): ToolGoal | undefined
  done(): boolean
  /** What the script is about has got lost: it begins again. */
  lost?(): boolean
}

/** All that a script's progress is; plain data. */
export interface ScriptState {
  /** The arm that begins. */
  arm: Side
  stage: number
  /** Control step at which the stage began. */
  since: number
  /** Length of the last step of each tool, m. */
  speed: [number, number]
}

export function newScript(arm: Side): ScriptState {
  return { arm, stage: 0, since: 0, speed: [0, 0] }
}

const joints = new Float64Array(ARM_JOINTS)

/** Action [14] of a script at a control step; advances `state`. The last stage stays. */
export function scriptAction(
  view: ExpertView,
  stages: readonly Stage[],
  state: ScriptState,
  step: number,
): Float32Array {
  for (let hops = 0; hops < stages.length; hops++) {
    view.elapsed = step - state.since
    const stage = stages[state.stage]
    if (stage.lost?.()) {
      enter(state, 0, step)
    } else if (state.stage < stages.length - 1 && stage.done()) {
      enter(state, state.stage + 1, step)
    } else break
  }
  view.elapsed = step - state.since
  const stage = stages[state.stage]
  const action = new Float32Array(2 * PER_ARM)
  for (const side of sides) {
    const goal = stage.goal(side)
    const at = PER_ARM * side
    if (goal) {
      state.speed[side] = followTool(view.scene, side, goal, state.speed[side], joints)
      action.set(joints, at)
    } else {
      state.speed[side] = 0
      action.set(view.scene.moves[side].target, at)
    }
    action[at + ARM_JOINTS] = goal?.gripper ?? view.grippers[side]
  }
  return action
}

function enter(state: ScriptState, stage: number, step: number): void {
  state.stage = stage
  state.since = step
}
