import { UserError } from '@vla-gym/gymnasium'
import { actingWith } from '../acting.js'
import { type Explorer, localExplorer } from '../exploration.js'
import { expertOf, type Parameters } from '../parameters.js'
import type { PolicyData } from '../policyData.js'
import { PolicyRuntime, type RuntimeOptions } from '../runtime.js'
import { decodeSafetensors } from '../safetensors.js'
import type { Sampler } from '../samplers/sampler.js'
import { createSampler } from '../samplers/samplers.js'
import { printable } from '../wire/ndarray.js'
import { shortVersion, versionOf, type WeightsMessage } from '../wire/training.js'
import { readSetup, type TrainingSetup } from '../wire/trainingSetup.js'
import { WireError } from '../wire/wireError.js'

/** Weights as a learner sent them, and what samples with them. */
interface Held {
  readonly version: string
  /** JSON of the settings that the runtime acts with. */
  readonly acting: string
  readonly runtime: PolicyRuntime
  readonly sampler: Sampler
  readonly explorer: Explorer
}

interface Upload {
  readonly version: string
  readonly setup: string
  readonly file: Uint8Array
  received: number
}

/**
 * Samples for a learner with the weights that it sends. It has a runtime of its own: who asks the server for actions gets
 * the policy of the folder, whatever is trained. One learner at a time; another's weights take the place of its own,
 * which the version in every answer shows.
 */
export class Trainer {
  private readonly policy: PolicyData
  private readonly policyId: string
  private readonly embodiment: string
  private readonly options: RuntimeOptions
  private held: Held | undefined
  private upload: Upload | undefined
  private last: Promise<unknown> = Promise.resolve()

  /** @param policyId content hash of the policy's folder */
  constructor(policy: PolicyData, policyId: string, embodiment: string, options: RuntimeOptions) {
    this.policy = policy
    this.policyId = policyId
    this.embodiment = embodiment
    this.options = options
  }

  get version(): string | null {
    return this.held?.version ?? null
  }

  /**
   * Takes a part of a version's weights; with the last one they are in use.
   * @throws WireError when they are not those of this policy, or not what their version says; the ones before stay
   */
  receive(message: WeightsMessage): Promise<void> {
    return this.inTurn(async () => {
      const { upload } = this
      this.upload = undefined
      const next = message.offset === 0 ? this.begin(message) : upload
      const { version, setup, offset, data } = message
      if (!next || next.version !== version || next.setup !== setup || next.received !== offset)
        throw new WireError(`part of weights at byte ${offset} does not follow what came before`)
      if (offset + data.length > next.file.length)
        throw new WireError(`weights: more than the ${next.file.length} bytes that were announced`)
      next.file.set(data, offset)
      next.received += data.length
      if (next.received < next.file.length) this.upload = next
      else await this.use(next)
    })
  }

  /** What `explore` gives with weights of that version; undefined when these are not the ones held. */
  withVersion<T>(version: string, explore: (explorer: Explorer) => Promise<T>): Promise<T | undefined> {
    return this.inTurn(async () => {
      const { held } = this
      return held?.version === version ? explore(held.explorer) : undefined
    })
  }

  release(): Promise<void> {
    return this.inTurn(async () => {
      await Promise.all([this.held?.runtime.release(), this.held?.sampler.release()])
      this.held = undefined
    })
  }

  /** One thing at a time: weights do not change while a batch is sampled. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work)
    this.last = result.catch(() => {})
    return result
  }

  private begin({ version, setup, bytes }: WeightsMessage): Upload {
    const { policy, embodiment } = readSetup(setup)
    if (policy !== this.policyId)
      throw new WireError(
        `weights of a run that began with policy ${printable(shortVersion(policy))}, served here is ${shortVersion(this.policyId)}: serve the folder that --init names`,
      )
    if (embodiment !== this.embodiment)
      throw new WireError(
        `weights for the embodiment ${printable(embodiment)}, served here is ${this.embodiment}`,
      )
    // A sampler's own weights are fewer than the action expert's; the file's header comes on top.
    const most = 2 * bytesOf(this.expert()) + 2 ** 16
    if (bytes > most) throw new WireError(`weights of ${bytes} bytes, those of this policy are fewer`)
    return { version, setup, file: new Uint8Array(bytes), received: 0 }
  }

  private async use({ version, setup, file }: Upload): Promise<void> {
    if (versionOf(setup, [file]) !== version)
      throw new WireError(
        `weights are not what their version ${shortVersion(version)} says (SHA-256 differs)`,
      )
    const { held } = this
    const next = await this.load(version, readSetup(setup), file)
    this.held = next
    if (held && held.runtime !== next.runtime) await held.runtime.release()
    await held?.sampler.release()
  }

  private async load(version: string, setup: TrainingSetup, file: Uint8Array): Promise<Held> {
    let sampler: Sampler | undefined
    try {
      const policy = actingWith(this.policy, setup.acting)
      const { config } = policy.manifest
      const { actionDim: activeChannels } = policy.manifest.embodiments[this.embodiment].description
      // The seed is that of weights which are replaced at once.
      const context = { config, activeChannels, seed: 0, ...this.options }
      sampler = await createSampler(setup.sampler, context, setup.settings)
      const { expert, own } = readWeights(file, this.expert(), sampler.parameters)
      if (own.size > 0) await sampler.setParameters(own)
      const acting = JSON.stringify(setup.acting)
      const runtime = await this.runtimeWith(policy, acting, expert)
      return { version, acting, runtime, sampler, explorer: localExplorer(runtime, this.embodiment, sampler) }
    } catch (error) {
      await sampler?.release()
      throw error instanceof UserError ? new WireError(error.message) : error
    }
  }

  private async runtimeWith(policy: PolicyData, acting: string, expert: Parameters): Promise<PolicyRuntime> {
    if (this.held?.acting === acting) {
      await this.held.runtime.setParameters(expert, ['dit'])
      return this.held.runtime
    }
    const parameters = new Map([...policy.parameters, ...expert])
    return PolicyRuntime.create({ ...policy, parameters }, this.options)
  }

  private expert(): Parameters {
    return expertOf(this.policy.parameters)
  }
}

function bytesOf(parameters: Parameters): number {
  let sum = 0
  for (const { data } of parameters.values()) sum += data.byteLength
  return sum
}

/** @throws UserError unless the file holds exactly these tensors, of these shapes, and finite numbers */
function readWeights(
  file: Uint8Array,
  expert: Parameters,
  own: Parameters,
): { expert: Parameters; own: Parameters } {
  const tensors = decodeSafetensors(file, 'weights')
  const expected = new Map([...expert, ...own])
  const extra = [...tensors.keys()].find((name) => !expected.has(name))
  if (extra !== undefined) throw new UserError(`weights: ${printable(extra)} is none of this policy's`)
  for (const [name, { dtype, shape }] of expected) {
    const tensor = tensors.get(name)
    if (!tensor) throw new UserError(`weights: '${name}' is missing`)
    if (tensor.dtype !== dtype || tensor.shape.join() !== shape.join())
      throw new UserError(
        `weights: '${name}' is ${tensor.dtype} [${tensor.shape.join(', ')}], not ${dtype} [${shape.join(', ')}]`,
      )
    const bad = (tensor.data as Float32Array).findIndex((x) => !Number.isFinite(x))
    if (bad >= 0) throw new UserError(`weights: number ${bad} of '${name}' is ${tensor.data[bad]}`)
  }
  const pick = (names: Parameters): Parameters => new Map([...names.keys()].map((n) => [n, tensors.get(n)!]))
  return { expert: pick(expert), own: pick(own) }
}
