import { UserError } from '@vla-gym/gymnasium'
import { initParameters, type PolicyData } from '../../policy/index.js'

const position = 'dit.actions.position'

/**
 * A policy whose action expert predicts `length` steps at once: the same weights, with further rows of the learned
 * positions of action tokens, drawn from the seed.
 * @throws UserError when the action expert is a graph from elsewhere, whose chunk is fixed
 */
export function lengthened(policy: PolicyData, length: number, seed: number): PolicyData {
  const { config } = policy.manifest
  if (policy.models?.dit)
    throw new UserError(
      `dit.onnx is made for chunks of ${config.chunkSize}: only nano's own action expert learns full sequences; give --sequence chunk`,
    )
  if (length < config.chunkSize)
    throw new UserError(
      `a sequence of ${length} steps is shorter than the policy's chunk of ${config.chunkSize}`,
    )
  const long = { ...config, chunkSize: length }
  const rows = initParameters(long, seed, ['dit']).get(position)!
  ;(rows.data as Float32Array).set(policy.parameters.get(position)!.data as Float32Array)
  return {
    ...policy,
    manifest: { ...policy.manifest, config: long },
    parameters: new Map(policy.parameters).set(position, rows),
  }
}

/** The policy for chunks again: the leading rows of the positions. */
export function shortened(policy: PolicyData, chunkSize: number): PolicyData {
  const { config } = policy.manifest
  const { dtype, shape, data } = policy.parameters.get(position)!
  const rows = data.slice(0, chunkSize * shape[1])
  return {
    ...policy,
    manifest: { ...policy.manifest, config: { ...config, chunkSize } },
    parameters: new Map(policy.parameters).set(position, { dtype, shape: [chunkSize, shape[1]], data: rows }),
  }
}
