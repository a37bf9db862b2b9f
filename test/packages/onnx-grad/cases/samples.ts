import type { GraphBuilder, Value } from '@vla-gym/onnx-grad'

/** Maps of standard normal numbers into the domains of operators. */

export const positive = (x: number): number => Math.abs(x) + 0.5

/** Away from kinks at multiples of 0.5, by 0.15 or more. */
export const apart = (x: number): number => Math.floor(x * 2) / 2 + 0.25 + 0.1 * Math.sin(37 * x)

/** Inside (−0.6, 0.6), where the derivatives of Asin and Atanh are moderate. */
export const unit = (x: number): number => 0.6 * Math.tanh(x)

export const int64 = (...values: number[]): BigInt64Array => BigInt64Array.from(values, BigInt)

/** An int64 vector constant. */
export const ints = (g: GraphBuilder, ...values: number[]): Value => g.constant(values, undefined, 'int64')
