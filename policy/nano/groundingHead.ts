import type { GraphBuilder, Value } from '@vla-gym/onnx-grad'
import type { ParameterStore } from '../parameters.js'
import { keypointTokenRow, type NanoConfig, stateTokenRow } from './config.js'
import { type Build, linear, linearRelu } from './layers.js'

/** Numbers per row: source xyz, target xyz, sin and cos of twice the source's yaw, grasped. */
export const groundingSize = 9

/** Positions are (p - centre) / unit; the centre is that of the workspace in the robot's base frame, metres. */
export const groundingScale = { centre: [0.307, 0.028, 0] as const, unit: 0.1 }

export interface Grounding {
  /** Base frame, m. */
  readonly source: readonly number[]
  readonly target: readonly number[]
  /** Of the source, rad; known up to half a turn, in (-pi/2, pi/2]. */
  readonly sourceYaw: number
  /** Probability when decoded from a prediction, 0 or 1 in a label. */
  readonly grasped: number
}

/**
 * Where the named things are, read from the final keypoint and state tokens of hiddenStates [batch, L, width].
 * @returns [batch, 9]; the last is a logit
 */
export function groundingHead(
  g: GraphBuilder,
  store: ParameterStore,
  config: NanoConfig,
  hiddenStates: Value,
): Value {
  const b: Build = { g, store }
  const token = (index: number) => g.squeeze(g.slice(hiddenStates, 1, index, index + 1), [1])
  const read = g.concat([token(keypointTokenRow(config)), token(stateTokenRow(config))], 1)
  const inner = linearRelu(b, 'grounding.0', read, 2 * config.width, config.width)
  return linear(b, 'grounding.1', inner, config.width, groundingSize)
}

/** Label of the head: 9 numbers, the last 0 or 1. */
export function encodeGrounding(labels: Grounding): Float32Array {
  const { centre, unit } = groundingScale
  const scale = (position: readonly number[]) => centre.map((c, axis) => (position[axis] - c) / unit)
  const angle = 2 * labels.sourceYaw
  return Float32Array.from([
    ...scale(labels.source),
    ...scale(labels.target),
    Math.sin(angle),
    Math.cos(angle),
    labels.grasped,
  ])
}

/** One row of 9 numbers in metres and radians. `logit`: the last is a prediction (default), else a label. */
export function decodeGrounding(row: ArrayLike<number>, logit = true): Grounding {
  const { centre, unit } = groundingScale
  const metres = (offset: number) => centre.map((c, axis) => row[offset + axis] * unit + c)
  return {
    source: metres(0),
    target: metres(3),
    sourceYaw: Math.atan2(row[6], row[7]) / 2,
    grasped: logit ? 1 / (1 + Math.exp(-row[8])) : row[8],
  }
}
