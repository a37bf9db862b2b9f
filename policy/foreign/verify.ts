import { Rng, UserError } from '@vla-gym/gymnasium'
import { differentiate, GraphBuilder } from '@vla-gym/onnx-grad'
import { hiddenTokens } from '../nano/config.js'
import { type PolicyData, policyModel, weightNames } from '../policyData.js'
import { PolicyRuntime } from '../runtime.js'

/** Rows of a batch and rows alone may differ by this much, relative to the largest velocity: float32 sums. */
const batchTolerance = 1e-3

/**
 * Tries what training will do: every operator on the way to a trained weight has a gradient, onnxruntime runs the graph
 * for any batch, its numbers are finite and a row does not depend on the others.
 * @throws UserError naming the file, and the node or the problem
 */
export async function verifyExpert(policy: PolicyData, where: string): Promise<void> {
  const dit = policyModel(policy, 'dit')
  try {
    const g = GraphBuilder.from(dit)
    g.output('loss', g.reduceSum(g.value('velocity')))
    differentiate(g.build(), { loss: 'loss', wrt: weightNames(dit, 'dit') })
  } catch (error) {
    throw new UserError(`${where}: cannot be trained: ${oneLine(error)}`)
  }
  const { chunkSize, actionDim, width } = policy.manifest.config
  const [context, chunk, rows] = [hiddenTokens(policy.manifest.config) * width, chunkSize * actionDim, 3]
  const rng = Rng.fromSeed(0, 'verify')
  const hiddenStates = rng.fillNormal(new Float32Array(rows * context))
  const x = rng.fillNormal(new Float32Array(rows * chunk))
  const runtime = await runs(where, () => PolicyRuntime.create(policy))
  try {
    const together = await runs(where, () => runtime.velocity(rows, hiddenStates, x, 0.5))
    if (!together.every(Number.isFinite)) throw new UserError(`${where}: its velocity is not finite`)
    const last = await runs(where, () =>
      runtime.velocity(1, hiddenStates.slice(-context), x.slice(-chunk), 0.5),
    )
    const scale = together.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-6)
    const offset = (rows - 1) * chunk
    if (last.some((v, i) => Math.abs(v - together[offset + i]) > batchTolerance * scale))
      throw new UserError(
        `${where}: a row's velocity depends on the other rows: export it in evaluation mode (model.eval())`,
      )
  } finally {
    await runtime.release()
  }
}

async function runs<T>(where: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use()
  } catch (error) {
    throw new UserError(`${where}: onnxruntime cannot run it: ${oneLine(error)}`)
  }
}

const oneLine = (error: unknown): string => (error as Error).message.replaceAll(/\s+/g, ' ').trim()
