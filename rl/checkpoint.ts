import { existsSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import type { TensorData } from '@vla-gym/onnx-grad'
import {
  type PolicyData,
  policyFiles,
  readFolder,
  readSafetensors,
  safetensorsPieces,
  savePolicy,
  writeFolder,
} from '../policy/index.js'

const trainingFile = 'training.safetensors'
const keptCheckpoints = 3

/** What training needs beside the policy to go on as if it had not stopped. */
export interface TrainingState {
  /** Plain numbers and strings: stage, step, episodes, seconds, … */
  readonly progress: Record<string, unknown>
  /** Optimiser state by name; several optimisers use prefixes. */
  readonly tensors: ReadonlyMap<string, TensorData>
}

/**
 * Writes `runDir/checkpoints/<step>` (a policy folder that also holds the training state), points `last` to it
 * and removes all but the newest checkpoints. Nothing on disk is harmed when it fails.
 */
export function saveCheckpoint(
  runDir: string,
  step: number,
  policy: PolicyData,
  training: TrainingState,
): string {
  const dir = join(runDir, 'checkpoints')
  const path = join(dir, String(step).padStart(6, '0'))
  const files = policyFiles(policy).set(trainingFile, safetensorsPieces(training.tensors))
  writeFolder(path, files, { ...policy.manifest, training: training.progress })
  pointLastTo(dir, basename(path))
  removeLeftovers(dir)
  const older = readdirSync(dir)
    .filter((name) => /^\d+$/.test(name) && name <= basename(path))
    .sort()
  for (const name of older.slice(0, -keptCheckpoints))
    rmSync(join(dir, name), { recursive: true, force: true })
  return path
}

/** What writers that were killed left beside the checkpoints: a run has one writer, which is not writing now. */
function removeLeftovers(dir: string): void {
  for (const name of readdirSync(dir))
    if (/^\.(\d+\.tmp|last)-/.test(name)) rmSync(join(dir, name), { recursive: true, force: true })
}

function pointLastTo(dir: string, name: string): void {
  const temporary = join(dir, `.last-${process.pid}`)
  rmSync(temporary, { force: true })
  symlinkSync(name, temporary)
  renameSync(temporary, join(dir, 'last'))
}

/** Writes `runDir/policy`: the finished policy without training state, to be copied and shipped. */
export function saveFinishedPolicy(
  runDir: string,
  policy: PolicyData,
  progress: Record<string, unknown>,
): string {
  const path = join(runDir, 'policy')
  savePolicy(path, { ...policy, manifest: { ...policy.manifest, training: progress } })
  return path
}

/**
 * Folder of the newest checkpoint of a run, or null when the run has none yet. It is the folder itself and not the
 * link to it, which a running training may move on while its files are read.
 */
export function lastCheckpoint(runDir: string): string | null {
  const dir = join(runDir, 'checkpoints')
  const last = join(dir, 'last')
  return existsSync(last) ? join(dir, readlinkSync(last)) : null
}

/** Training state of a checkpoint. @throws UserError when the folder is broken or holds none */
export function loadTrainingState(checkpoint: string): TrainingState {
  const { manifest, path } = readFolder(checkpoint)
  if (!Object.hasOwn(manifest.files, trainingFile))
    throw new UserError(`${checkpoint}: holds no training state (${trainingFile}), cannot resume from it`)
  return {
    progress: manifest.training as Record<string, unknown>,
    tensors: readSafetensors(path(trainingFile)),
  }
}

/** A policy may be named by its folder or by the run that made it. @throws UserError */
export function resolvePolicyDir(path: string): string {
  if (existsSync(join(path, 'manifest.json'))) return path
  const last = lastCheckpoint(path)
  if (last) return last
  if (!existsSync(path)) throw new UserError(`${path}: no such policy or run folder`)
  throw new UserError(`${path}: neither a policy folder (no manifest.json) nor a run with checkpoints`)
}

/** Adds a prefix to every name, so that several optimisers share one file. */
export function withPrefix(
  prefix: string,
  tensors: ReadonlyMap<string, TensorData>,
): Map<string, TensorData> {
  return new Map([...tensors].map(([name, tensor]) => [prefix + name, tensor]))
}

/** The tensors under a prefix, by their names without it. */
export function underPrefix(
  prefix: string,
  tensors: ReadonlyMap<string, TensorData>,
): Map<string, TensorData> {
  return new Map(
    [...tensors]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, t]) => [name.slice(prefix.length), t]),
  )
}
