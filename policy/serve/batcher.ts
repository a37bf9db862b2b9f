import type { DecisionRequest, ServedPolicy } from './servedPolicy.js'

export interface BatcherOptions {
  /** Rows in a batch. */
  readonly maxBatch: number
  /** Milliseconds that the first request waits for others. */
  readonly maxWaitMs: number
}

export const batcherDefaults: BatcherOptions = { maxBatch: 32, maxWaitMs: 4 }

export interface Decided {
  /** [rows, H, actionDim] robot units. */
  readonly actions: Float32Array
  /** Of the whole batch. */
  readonly inferMs: number
  /** Waiting before that. */
  readonly queueMs: number
  /** Rows in the batch. */
  readonly batchSize: number
}

interface Waiting {
  readonly request: DecisionRequest
  readonly since: number
  resolve(decided: Decided): void
  reject(error: unknown): void
}

/**
 * Puts requests that come within a few milliseconds into one batch, first come first served. A batch begins when it is
 * full, when every client has asked (`clients` is their number), or when the first has waited long enough. A request
 * of several rows is always a batch of its own, so that its numbers do not depend on who else asks.
 */
export class Batcher {
  /** Clients that may ask at once. */
  clients = 1
  private readonly policy: ServedPolicy
  private readonly options: BatcherOptions
  private readonly queue: Waiting[] = []
  private timer: NodeJS.Timeout | undefined
  private running = false

  constructor(policy: ServedPolicy, options: BatcherOptions = batcherDefaults) {
    this.policy = policy
    this.options = options
  }

  /** @throws what the policy throws */
  decide(request: DecisionRequest): Promise<Decided> {
    return new Promise((resolve, reject) => {
      this.queue.push({ request, since: performance.now(), resolve, reject })
      this.schedule()
    })
  }

  private schedule(): void {
    if (this.running || this.queue.length === 0) return
    clearTimeout(this.timer)
    const left = this.options.maxWaitMs - (performance.now() - this.queue[0].since)
    if (this.isFull() || left <= 0) void this.run()
    else this.timer = setTimeout(() => this.schedule(), left)
  }

  private isFull(): boolean {
    const { queue } = this
    return (
      queue[0].request.rows > 1 || queue.length >= Math.min(this.options.maxBatch, Math.max(1, this.clients))
    )
  }

  private take(): Waiting[] {
    const { queue } = this
    const several = queue.findIndex(({ request }) => request.rows > 1)
    if (several === 0) return queue.splice(0, 1)
    return queue.splice(0, Math.min(this.options.maxBatch, several < 0 ? queue.length : several))
  }

  private async run(): Promise<void> {
    this.running = true
    const batch = this.take()
    const start = performance.now()
    try {
      const requests = batch.map(({ request }) => request)
      const actions = await this.policy.decide(requests)
      const inferMs = performance.now() - start
      const batchSize = requests.reduce((sum, { rows }) => sum + rows, 0)
      const size = actions.length / batchSize
      let row = 0
      for (const { request, since, resolve } of batch) {
        const own = actions.subarray(row * size, (row + request.rows) * size)
        row += request.rows
        resolve({ actions: own, inferMs, queueMs: start - since, batchSize })
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      this.running = false
      this.schedule()
    }
  }
}
