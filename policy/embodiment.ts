import type { QuantileStats } from './normalization.js'

/** What a policy must know of a robot; structurally what the simulator's embodiment table holds. */
export interface Embodiment {
  readonly id: string
  /** Name in the prompt: 'WidowX 250s'. */
  readonly robotTag: string
  readonly arms: 'single arm' | 'dual arms'
  readonly waist: boolean
  readonly mobileBase: boolean
  /** Hz. */
  readonly controlFrequency: number
  readonly actionDim: number
  readonly stateDim: number
  readonly actionNames?: readonly string[]
  readonly stateNames?: readonly string[]
  /** Limits of robot-space actions; absent: see `actionBox`. */
  readonly actionLow?: readonly number[]
  readonly actionHigh?: readonly number[]
}

/** An embodiment as a policy folder holds it, with the statistics its data was normalised by. */
export interface EmbodimentEntry {
  readonly description: Embodiment
  readonly actionStats: QuantileStats
  readonly stateStats: QuantileStats
}

/**
 * Limits of an action in robot space. Without limits in the description, seven channels are an end-effector
 * action [position 3, rotation 3, gripper 1]: ±1, ±pi/2, ±1; any other robot is not limited.
 */
export function actionBox(embodiment: Embodiment): { low: readonly number[]; high: readonly number[] } {
  const { actionDim } = embodiment
  const rotation = (channel: number) => actionDim === 7 && channel >= 3 && channel < 6
  const limit = (channel: number) => (actionDim !== 7 ? Infinity : rotation(channel) ? Math.PI / 2 : 1)
  const high = embodiment.actionHigh ?? Array.from({ length: actionDim }, (_, channel) => limit(channel))
  const low = embodiment.actionLow ?? Array.from({ length: actionDim }, (_, channel) => -limit(channel))
  return { low, high }
}
