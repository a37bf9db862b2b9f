import { UserError } from '@vla-gym/gymnasium'
import { loraParameters, type Model, mergeLora, type TensorData, withLora } from '@vla-gym/onnx-grad'
import { type Parameters, type PolicyData, policyModel, weightNames } from '../policy/index.js'

/** Low-rank adapters instead of whole weights; alpha is the rank. */
export interface LoraSettings {
  readonly rank: number
  readonly seed: number
}

/** The action expert of a policy as the stages train it. */
export interface TrainableDit {
  /** Goes into the losses; holds what is trained as initializers. */
  readonly model: Model
  readonly trained: readonly string[]
  /** The policy's weights that follow from values of what is trained. */
  weights(trained: ReadonlyMap<string, TensorData>): Parameters
}

/** @throws UserError when the policy's own graph has no weights that may be trained */
export function trainableDit(policy: PolicyData, lora?: LoraSettings): TrainableDit {
  const base = policyModel(policy, 'dit')
  const names = weightNames(base, 'dit')
  if (names.length === 0)
    throw new UserError("dit.onnx has no weights to train: their names must start with 'dit.'")
  if (!lora) return { model: base, trained: names, weights: (trained) => new Map(trained) }
  const model = withLora(base, { targets: ['dit.*'], ...lora })
  return {
    model,
    trained: loraParameters(model),
    weights(trained) {
      const { initializers } = mergeLora(model, trained)
      return new Map(names.map((name) => [name, initializers.get(name)!]))
    },
  }
}
