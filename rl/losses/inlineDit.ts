import { inline, type Model, type Value } from '@vla-gym/onnx-grad'

/**
 * Puts a DiT into a loss that has the inputs hiddenStates, timestep and velocity: velocity becomes what the DiT
 * computes for the noisy actions. Whoever made the graph, it is the one that acts in the rollouts.
 */
export const inlineDit = (loss: Model, dit: Model, noisyActions: Value): Model =>
  inline(loss, dit, {
    inputs: { hiddenStates: 'hiddenStates', noisyActions: noisyActions.name, timestep: 'timestep' },
    outputs: { velocity: 'velocity' },
  })
