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
  /**
   * The trained parameters, float32, by name, as the model computes with them; or their moving average.
   * Copies: later steps do not change them. @throws UserError when no average is kept
   */
  parameters(which?: 'latest' | 'average'): Map<string, TensorData>
  /**
   * Parameters, AdamW moments, averages and step count, for a checkpoint: a resumed run gives the same bytes.
   * Copies.
   */
  state(): Map<string, TensorData>
  /** Restores what `state` returned. @throws UserError naming a tensor that is missing or has another shape */
  loadState(state: ReadonlyMap<string, TensorData>): void
  release(): Promise<void>
}
