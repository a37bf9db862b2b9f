import { Rng } from '@vla-gym/gymnasium'
import type { EmbodimentEntry } from '../embodiment.js'
import { decisionNoise } from '../exploration.js'
import type { NanoConfig } from '../nano/config.js'
import { embodimentPrompt } from '../prompt.js'
import type { PolicyRuntime } from '../runtime.js'
import { sampleOde } from '../samplers/ode.js'
import type { DecisionKey } from '../wire/decisionKey.js'
import type { WireMap } from '../wire/ndarray.js'

/** Observations of one request, as the policy takes them. */
export interface DecisionRequest {
  readonly rows: number
  /** [rows, imageHeight, imageWidth, 3] */
  readonly images: Uint8Array
  /** [rows, stateDim] robot units. */
  readonly states: Float32Array
  /** [rows] */
  readonly instructions: readonly string[]
  /** Whose decisions these are; without it their noise is the server's own. */
  readonly key?: DecisionKey
}

/** A policy that answers requests for one robot. */
export interface ServedPolicy {
  readonly config: NanoConfig
  readonly embodiment: EmbodimentEntry
  /** What a client should know, sent with the first frame. */
  readonly metadata: WireMap
  /** The embodiment's whole prompt. @throws UserError for one that is too long */
  prompt(instruction: string): string
  /** Chunks [rows, H, actionDim] in robot units for all rows of the requests, in their order. */
  decide(requests: readonly DecisionRequest[]): Promise<Float32Array>
}

/**
 * Serves the deterministic policy that evaluations run: Euler steps from noise. The noise of a keyed row is that of
 * rl/rollout/evaluationPolicy.ts; of any other row, the next of a stream.
 * @param policyId content hash of the policy's folder
 * @throws UserError for an embodiment that the policy does not know
 */
export function servedPolicy(
  runtime: PolicyRuntime,
  embodimentId: string,
  policyId: string,
  seed: number,
): ServedPolicy {
  const { config } = runtime
  const embodiment = runtime.embodiment(embodimentId)
  const { description } = embodiment
  const { chunkSize, actionDim, denoisingSteps, initialNoise = 1 } = config
  const noiseSize = chunkSize * actionDim
  let drawn = 0

  function drawNoise({ rows, key }: DecisionRequest, out: Float32Array): void {
    if (key) {
      out.set(decisionNoise(config, key, 'noise'))
      return
    }
    for (let row = 0; row < rows; row++)
      Rng.fromSeed(seed, 'serve', drawn++).fillNormal(out.subarray(row * noiseSize, (row + 1) * noiseSize))
    if (initialNoise !== 1) for (let i = 0; i < rows * noiseSize; i++) out[i] *= initialNoise
  }

  function prompt(instruction: string): string {
    const whole = embodimentPrompt(description, chunkSize, instruction)
    runtime.tokenize([whole])
    return whole
  }

  return {
    config,
    embodiment,
    prompt,
    metadata: {
      server: 'vla-gym',
      policy: policyId,
      embodiment: embodimentId,
      robot: description.robotTag,
      control_frequency: description.controlFrequency,
      chunk_size: chunkSize,
      executed_steps: config.executedSteps,
      action_dim: description.actionDim,
      action_names: description.actionNames ?? [],
      state_dim: description.stateDim,
      state_names: description.stateNames ?? [],
      image: [config.imageHeight, config.imageWidth, 3],
      image_crop: config.imageCrop,
    },

    async decide(requests) {
      const batch = requests.reduce((sum, { rows }) => sum + rows, 0)
      const images = joined(Uint8Array, requests, ({ images }) => images)
      const states = joined(Float32Array, requests, ({ states }) => states)
      const prompts = requests.flatMap(({ instructions }) => instructions.map(prompt))
      const noise = new Float32Array(batch * noiseSize)
      let row = 0
      for (const request of requests) {
        drawNoise(request, noise.subarray(row * noiseSize))
        row += request.rows
      }
      const hiddenStates = await runtime.encode(batch, images, states, prompts, embodimentId)
      const velocity = (x: Float32Array, t: number) => runtime.velocity(batch, hiddenStates, x, t)
      const chunks = await sampleOde(velocity, noise, denoisingSteps)
      return runtime.toRobotActions(chunks, batch, embodimentId)
    },
  }
}

/** One array of all requests' rows; a single request's own. */
function joined<T extends Uint8Array | Float32Array>(
  Data: new (length: number) => T,
  requests: readonly DecisionRequest[],
  of: (request: DecisionRequest) => T,
): T {
  if (requests.length === 1) return of(requests[0])
  const out = new Data(requests.reduce((sum, request) => sum + of(request).length, 0))
  let at = 0
  for (const request of requests) {
    out.set(of(request), at)
    at += of(request).length
  }
  return out
}
