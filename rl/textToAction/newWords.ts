import { GraphBuilder, inline, type Model, type TensorData } from '@vla-gym/onnx-grad'
import { tasks } from '../../envs/tasks/registry.js'
import { embodimentPrompt, loadTokenizer, type PolicyData, policyModel } from '../../policy/index.js'

const embedding = 'backbone.text.embedding'
const learnt = 'newWords'

/** A policy's backbone in which nothing but the embeddings of words that are new to it can be trained. */
export interface WordLearner {
  readonly model: Model
  /** Initializers of the model that are trained; none for a backbone from elsewhere, which knows its language. */
  readonly trained: readonly string[]
  /** The policy's weights that follow from values of what is trained. */
  weights(trained: ReadonlyMap<string, TensorData>): ReadonlyMap<string, TensorData>
}

/**
 * Nano's language encoder starts from random words, and grounding teaches it those of its tasks only: "left" and
 * "right" then give hidden states that differ by 1 to 3 %. So the embeddings of words that no known instruction has
 * are trained. What the policy does with a known instruction stays as it is, bit by bit.
 * @param instructions known ones, beside those of the registered tasks
 */
export function wordLearner(policy: PolicyData, instructions: readonly string[]): WordLearner {
  const model = policyModel(policy, 'backbone')
  const words = policy.models?.backbone ? undefined : model.initializers.get(embedding)
  if (!words) return { model, trained: [], weights: () => new Map() }
  const known = knownWords(policy, instructions)
  const [count, width] = words.shape
  const isKnown = Float32Array.from({ length: count }, (_, word) => (known.has(word) ? 1 : 0))
  const start = words.data as Float32Array

  const g = new GraphBuilder('words')
  const kept = g.constant(
    start.map((x, i) => x * isKnown[Math.floor(i / width)]),
    [count, width],
    'float32',
  )
  const isNew = g.constant(
    isKnown.map((x) => 1 - x),
    [count, 1],
    'float32',
  )
  g.output('words', g.add(kept, g.mul(isNew, g.parameter(learnt, [count, width], start))))

  const initializers = new Map(model.initializers)
  initializers.delete(embedding)
  const hole = { name: embedding, dtype: words.dtype, shape: words.shape }
  const outer = { ...model, inputs: [...model.inputs, hole], initializers }
  return {
    model: inline(outer, g.build(), { inputs: {}, outputs: { words: embedding } }),
    trained: [learnt],
    weights(trained) {
      const values = trained.get(learnt)!.data as Float32Array
      const data = start.map((x, i) => (isKnown[Math.floor(i / width)] ? x : values[i]))
      return new Map([[embedding, { ...words, data }]])
    },
  }
}

/** Token ids of the prompts that the policy has met: instructions of the tasks, and some more, for its robots. */
function knownWords(policy: PolicyData, instructions: readonly string[]): Set<number> {
  const { config, embodiments } = policy.manifest
  const texts = new Set([...[...tasks.values()].map((task) => task.instruction), ...instructions])
  const prompts = Object.values(embodiments).flatMap(({ description }) =>
    [...texts].map((text) => embodimentPrompt(description, config.chunkSize, text)),
  )
  const tokens = loadTokenizer(policy.tokenizerJson).encodePrompts(prompts, config.promptLength)
  return new Set(Array.from(tokens, Number))
}
