import type { TensorData } from '@vla-gym/onnx-grad'

/** Arrays that one training step reads, by graph input name; scalars may be plain numbers. */
export type Feeds = Record<string, TensorData | number>

/**
 * Something that holds parameters and optimiser state and improves them by one step at a time.
 * PPO and the supervised stages know this interface only.
 */
export interface TrainingBackend {
  /** Forward, backward, clipping and AdamW on one minibatch; returns the graph's scalar outputs by name. */
  step(feeds: Feeds): Promise<Record<string, number>>
  /** The trained parameters, float32, by name. Copies: later steps do not change them. */
  parameters(): Map<string, TensorData>
  /** Parameters, AdamW moments and step count, for a checkpoint. Copies. */
  state(): Map<string, TensorData>
  /** Restores what `state` returned. @throws UserError naming a tensor that is missing or has another shape */
  loadState(state: ReadonlyMap<string, TensorData>): void
  release(): Promise<void>
}
