import { UserError, unknownId } from '@vla-gym/gymnasium'
import type { Model } from '@vla-gym/onnx-grad'
import { Tensor } from 'onnxruntime-node'
import { toModelStates, toRobotActions } from './actionSpace.js'
import type { Device } from './device.js'
import type { EmbodimentEntry } from './embodiment.js'
import { hiddenTokens, type NanoConfig } from './nano/config.js'
import { createSession, runFloat, type Session } from './onnxSession.js'
import type { Parameters } from './parameters.js'
import { type ModelName, type PolicyData, policyModel } from './policyData.js'
import { loadTokenizer, type PromptTokenizer } from './tokenizer.js'

export interface RuntimeOptions {
  /** Threads of onnxruntime; default 1. */
  readonly threads?: number
  readonly device?: Device
}

/** Tokenised prompts are kept up to this many. */
const cachedPrompts = 10_000

/**
 * Runs a policy in onnxruntime-node, any batch size. Sessions are made when first used. A call blocks its thread
 * while onnxruntime computes.
 */
export class PolicyRuntime {
  readonly config: NanoConfig
  private data: PolicyData
  private readonly options: RuntimeOptions
  private readonly tokenizer: PromptTokenizer
  private readonly tokens = new Map<string, BigInt64Array>()
  private readonly sessions = new Map<ModelName, Promise<Session>>()

  private constructor(data: PolicyData, options: RuntimeOptions) {
    this.config = data.manifest.config
    this.data = data
    this.options = options
    this.tokenizer = loadTokenizer(data.tokenizerJson)
  }

  static async create(data: PolicyData, options: RuntimeOptions = {}): Promise<PolicyRuntime> {
    const runtime = new PolicyRuntime(data, options)
    await Promise.all([runtime.session('backbone'), runtime.session('dit')])
    return runtime
  }

  private createSession(model: Model): Promise<Session> {
    return createSession(model, this.options.threads ?? 1, this.options.device)
  }

  private session(name: ModelName): Promise<Session> {
    let session = this.sessions.get(name)
    if (!session) {
      session = this.createSession(policyModel(this.data, name))
      this.sessions.set(name, session)
    }
    return session
  }

  /** The weights in use. */
  get parameters(): Parameters {
    return this.data.parameters
  }

  /** @throws UserError naming the embodiments that the policy knows. */
  embodiment(id: string): EmbodimentEntry {
    const { embodiments } = this.data.manifest
    if (!Object.hasOwn(embodiments, id)) throw unknownId('embodiment', id, Object.keys(embodiments))
    return embodiments[id]
  }

  /**
   * Camera images uint8 [batch, H, W, 3], states [batch, robot stateDim] in robot units and one whole embodiment
   * prompt per row -> hiddenStates [batch, L, width].
   * @throws UserError for sizes that do not fit, a prompt that is too long, or an unknown embodiment
   */
  async encode(
    batch: number,
    images: Uint8Array,
    states: Float32Array,
    prompts: readonly string[],
    embodiment: string,
  ): Promise<Float32Array> {
    const { config } = this
    const { imageHeight: h, imageWidth: w } = config
    expectLength('images', images, [batch, h, w, 3])
    if (prompts.length !== batch)
      throw new UserError(`encode: ${prompts.length} prompts for a batch of ${batch}`)
    const state = toModelStates(states, batch, this.embodiment(embodiment), config)
    const { promptTokens, promptIndex, count } = this.tokenize(prompts)
    const feeds = {
      image: new Tensor('uint8', images, [batch, h, w, 3]),
      state: new Tensor('float32', state, [batch, config.stateDim]),
      promptTokens: new Tensor('int64', promptTokens, [count, config.promptLength]),
      promptIndex: new Tensor('int64', promptIndex, [batch]),
    }
    return runFloat(await this.session('backbone'), feeds, 'hiddenStates')
  }

  /** The distinct prompts' tokens [count, promptLength], and which of them each row has. */
  tokenize(prompts: readonly string[]): {
    promptTokens: BigInt64Array
    promptIndex: BigInt64Array
    count: number
  } {
    const { promptLength } = this.config
    const rows = new Map<string, number>()
    for (const prompt of prompts) if (!rows.has(prompt)) rows.set(prompt, rows.size)
    const promptTokens = new BigInt64Array(rows.size * promptLength)
    for (const [prompt, row] of rows) {
      let tokens = this.tokens.get(prompt)
      if (!tokens) {
        tokens = this.tokenizer.encodePrompts([prompt], promptLength)
        if (this.tokens.size >= cachedPrompts) this.tokens.clear()
        this.tokens.set(prompt, tokens)
      }
      promptTokens.set(tokens, row * promptLength)
    }
    const promptIndex = BigInt64Array.from(prompts, (prompt) => BigInt(rows.get(prompt)!))
    return { promptTokens, promptIndex, count: rows.size }
  }

  /** Velocity [batch, H, K] at model-space chunks x [batch, H, K] and time t (one, or one per row). */
  async velocity(
    batch: number,
    hiddenStates: Float32Array,
    x: Float32Array,
    t: Float32Array | number,
  ): Promise<Float32Array> {
    const { chunkSize, actionDim } = this.config
    const timestep = typeof t === 'number' ? new Float32Array(batch).fill(t) : t
    expectLength('timesteps', timestep, [batch])
    expectLength('noisy actions', x, [batch, chunkSize, actionDim])
    const feeds = {
      hiddenStates: this.hiddenStates(batch, hiddenStates),
      noisyActions: new Tensor('float32', x, [batch, chunkSize, actionDim]),
      timestep: new Tensor('float32', timestep, [batch]),
    }
    return runFloat(await this.session('dit'), feeds, 'velocity')
  }

  /** State values [batch]. */
  async value(batch: number, hiddenStates: Float32Array): Promise<Float32Array> {
    const feeds = { hiddenStates: this.hiddenStates(batch, hiddenStates) }
    return runFloat(await this.session('value'), feeds, 'value')
  }

  /** Grounding predictions [batch, 9]: see nano/groundingHead.ts. */
  async grounding(batch: number, hiddenStates: Float32Array): Promise<Float32Array> {
    const feeds = { hiddenStates: this.hiddenStates(batch, hiddenStates) }
    return runFloat(await this.session('grounding'), feeds, 'grounding')
  }

  private hiddenStates(batch: number, hiddenStates: Float32Array): Tensor {
    const shape = [batch, hiddenTokens(this.config), this.config.width]
    expectLength('hidden states', hiddenStates, shape)
    return new Tensor('float32', hiddenStates, shape)
  }

  /** Takes new weights for some parts ('dit' covers every 'dit.*' weight) and rebuilds their sessions. */
  async setParameters(parameters: Parameters, parts: readonly ModelName[]): Promise<void> {
    const merged: Parameters = new Map(this.data.parameters)
    for (const [name, tensor] of parameters) {
      if (parts.some((part) => name.startsWith(`${part}.`))) merged.set(name, tensor)
    }
    const data = { ...this.data, parameters: merged }
    const built = await Promise.all(
      parts.map(async (part) => [part, await this.createSession(policyModel(data, part))] as const),
    )
    this.data = data
    for (const [part, session] of built) {
      const old = this.sessions.get(part)
      this.sessions.set(part, Promise.resolve(session))
      await (await old)?.release()
    }
  }

  /** Model-space chunks [batch, H, K] -> robot units [batch, H, robot actionDim], clipped to the action box. */
  toRobotActions(modelActions: Float32Array, batch: number, embodiment: string): Float32Array {
    return toRobotActions(modelActions, batch, this.embodiment(embodiment), this.config)
  }

  /** Frees the sessions; the runtime can be used again, which makes new ones. */
  async release(): Promise<void> {
    const sessions = [...this.sessions.values()]
    this.sessions.clear()
    for (const session of sessions) await (await session).release()
  }
}

function expectLength(what: string, data: { length: number }, shape: readonly number[]): void {
  const size = shape.reduce((product, n) => product * n, 1)
  if (data.length !== size)
    throw new UserError(`${what}: expected [${shape.join(', ')}], got ${data.length} numbers`)
}
