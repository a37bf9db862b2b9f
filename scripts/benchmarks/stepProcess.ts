import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { UserError } from '@vla-gym/gymnasium'

/** What a process answers to `steps <n>`. */
export interface StepReport {
  readonly milliseconds: readonly number[]
  readonly losses: readonly number[]
  readonly gradNorms: readonly number[]
  /** Largest resident memory so far, and what it was before there was a model, MB. */
  readonly peakMemoryMB: number
  readonly baselineMemoryMB: number
  readonly version: string
}

/**
 * A process that makes training steps when asked: each line `steps <n>` on its stdin is answered by a StepReport as
 * one JSON line on its stdout. So two of them can take turns, and each has its own memory.
 */
export class StepProcess {
  private readonly command: string
  private readonly child
  private readonly lines
  private errors = ''

  constructor(command: string, args: readonly string[]) {
    this.command = command
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.child.on('error', (error) => {
      this.errors += error.message
    })
    // A process that ends at once has closed its stdin: told by its missing answer.
    this.child.stdin.on('error', () => {})
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text
    })
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
  }

  /** @throws UserError with the last line of its stderr when the process has ended instead */
  async steps(count: number): Promise<StepReport> {
    this.child.stdin.write(`steps ${count}\n`)
    const line = await this.lines.next()
    if (line.done) {
      const reason = this.errors.trim().split('\n').at(-1) || 'no message'
      throw new UserError(`${this.command} made no training step: ${reason}`)
    }
    return JSON.parse(line.value)
  }

  close(): void {
    this.child.stdin.end()
  }
}
