import { UserError } from '@vla-gym/gymnasium'
import { cosineDecay, linearWarmup } from '@vla-gym/onnx-grad'
import type { PolicyData } from '../../policy/index.js'
import type { Feeds, TrainingBackend } from '../backend/trainingBackend.js'
import { lastCheckpoint, loadTrainingState, saveCheckpoint, saveFinishedPolicy } from '../checkpoint.js'
import type { RunFolder } from '../runFolder.js'

/** Settings that all supervised stages share. */
export const optimiserOptions = {
  lr: { default: 1e-3, help: 'peak AdamW learning rate, cosine decay' },
  warmupSteps: { default: 50, help: 'steps of linear warm-up' },
  maxGradNorm: { default: 1, help: 'global gradient norm is clipped to this' },
  evaluateEvery: { default: 250, help: 'steps between held-out evaluations' },
} as const

export interface SupervisedOptions {
  readonly stage: string
  readonly run: RunFolder
  readonly steps: number
  readonly lr: number
  readonly warmupSteps: number
  readonly backend: TrainingBackend
  /** The minibatch of a step; drawn from the step number alone, so that a resumed run sees the same batches. */
  batch(step: number): Feeds
  /** The policy with the parameters trained so far. */
  policy(): PolicyData
  /** Held-out figures, logged every `evaluateEvery` steps and at the end. */
  evaluate(): Promise<Record<string, number>>
  readonly evaluateEvery: number
  readonly signal?: AbortSignal
  onProgress?(step: number, fields: Record<string, number>): void
}

/** Seconds between checkpoints. */
const checkpointSeconds = 60

/** The loop of grounding, text-to-action and supervised fine-tuning. Resumes from the run's last checkpoint. */
export async function trainSupervised(options: SupervisedOptions): Promise<Record<string, number>> {
  const { backend, run, steps, warmupSteps } = options
  const schedule = linearWarmup(warmupSteps, cosineDecay({ lr: options.lr, steps, start: warmupSteps }))
  let step = 0
  const last = lastCheckpoint(run.dir)
  if (last) {
    const { progress, tensors } = loadTrainingState(last)
    if (progress.stage !== options.stage) {
      throw new UserError(`${run.dir}: holds a run of stage '${progress.stage}', not '${options.stage}'`)
    }
    backend.loadState(tensors)
    step = Number(progress.step)
  }
  const save = () =>
    saveCheckpoint(run.dir, step, options.policy(), {
      progress: { stage: options.stage, step },
      tensors: backend.state(),
    })

  let saved = performance.now()
  let sums: Record<string, number> = {}
  let counted = 0
  let heldOut: Record<string, number> = {}
  while (step < steps) {
    const lr = schedule(step)
    const result = await backend.step({ ...options.batch(step), lr })
    step += 1
    for (const [name, value] of Object.entries(result)) sums[name] = (sums[name] ?? 0) + value
    counted += 1
    const atEnd = step === steps
    if (step % 20 === 0 || atEnd) {
      const means = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / counted]))
      run.metrics.log(step, { lr, ...means })
      options.onProgress?.(step, { ...means, ...heldOut })
      sums = {}
      counted = 0
      // Lets timers, signals and the progress bar have the thread: a step of the runtime blocks it.
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (step % options.evaluateEvery === 0 || atEnd) {
      heldOut = await options.evaluate()
      run.metrics.log(step, heldOut)
      options.onProgress?.(step, heldOut)
    }
    if (options.signal?.aborted || atEnd || performance.now() - saved > 1000 * checkpointSeconds) {
      save()
      saved = performance.now()
    }
    if (options.signal?.aborted) throw options.signal.reason
  }
  saveFinishedPolicy(run.dir, options.policy(), { stage: options.stage, steps })
  return heldOut
}
