import { readFileSync } from 'node:fs'
import { UserError, unknownId } from '@vla-gym/gymnasium'

/** How a graph that someone else exported is read: docs/bring-your-own.md. */
export interface ForeignGraph {
  /** The .onnx file, relative to the manifest. */
  readonly file: string
  /** The graph's name of each input, by ours; inputs that go by our names need no entry. */
  readonly inputs: Readonly<Record<string, string>>
  readonly output: string
  /** Patterns of the initializers to train; '*' stands for any text, a leading '!' takes out again. */
  readonly trainable: readonly string[]
}

export interface ForeignExpert extends ForeignGraph {
  /** Time of the flow at which actions are pure noise, in the graph's convention; it is 1 in ours. */
  readonly noiseAt: 0 | 1
  /** The graph's time is ours times this. */
  readonly timestepScale: number
}

export interface ForeignManifest {
  /** Path of the manifest, as it was given. */
  readonly path: string
  /** Policy folder, relative to the manifest, that everything else comes from. */
  readonly base: string
  readonly actionExpert: ForeignExpert
  readonly backbone?: ForeignGraph
  readonly tokenizer?: string
  readonly imageCrop?: readonly number[]
  readonly denoisingSteps?: number
  readonly executedSteps?: number
  readonly initialNoise?: number
}

export const foreignFormat = 'vla-gym-expert/1'
export const expertInputs = ['hidden_states', 'mask', 'noisy_actions', 'timestep'] as const
export const backboneInputNames = ['image', 'state', 'prompt_tokens', 'prompt_index'] as const

type Fields = Record<string, unknown>

/** @throws UserError naming the file and the field that is missing, unknown or of the wrong kind */
export function readForeignManifest(path: string): ForeignManifest {
  const fields = parse(path)
  checkKeys(path, '', fields, [
    'format',
    'base',
    'action_expert',
    'backbone',
    'tokenizer',
    'image_crop',
    'denoising_steps',
    'executed_steps',
    'initial_noise',
  ])
  if (fields.format !== foreignFormat)
    throw new UserError(`${path}: 'format' must be "${foreignFormat}", got ${JSON.stringify(fields.format)}`)
  const expert = object(path, 'action_expert', fields.action_expert)
  const noiseAt = expert.noise_at ?? 1
  if (noiseAt !== 0 && noiseAt !== 1)
    throw new UserError(`${path}: 'action_expert.noise_at' must be 0 or 1, got ${JSON.stringify(noiseAt)}`)
  const scale = expert.timestep_scale ?? 1
  if (typeof scale !== 'number' || !Number.isFinite(scale) || scale <= 0)
    throw new UserError(`${path}: 'action_expert.timestep_scale' must be a number greater than 0`)
  return {
    path,
    base: text(path, 'base', fields.base),
    actionExpert: {
      ...graph(path, 'action_expert', expert, expertInputs, 'velocity', ['noise_at', 'timestep_scale']),
      noiseAt,
      timestepScale: scale,
    },
    ...(fields.backbone !== undefined && {
      backbone: graph(
        path,
        'backbone',
        object(path, 'backbone', fields.backbone),
        backboneInputNames,
        'hidden_states',
        [],
      ),
    }),
    ...(fields.tokenizer !== undefined && { tokenizer: text(path, 'tokenizer', fields.tokenizer) }),
    ...(fields.image_crop !== undefined && {
      imageCrop: list(path, 'image_crop', fields.image_crop, 'number'),
    }),
    ...(fields.denoising_steps !== undefined && { denoisingSteps: fields.denoising_steps as number }),
    ...(fields.executed_steps !== undefined && { executedSteps: fields.executed_steps as number }),
    ...(fields.initial_noise !== undefined && { initialNoise: fields.initial_noise as number }),
  }
}

function parse(path: string): Fields {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    throw new UserError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`)
  }
  try {
    return object(path, 'the manifest', JSON.parse(content))
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(`${path}: not JSON (${(error as Error).message})`)
  }
}

function graph(
  path: string,
  field: string,
  fields: Fields,
  inputs: readonly string[],
  output: string,
  others: readonly string[],
): ForeignGraph {
  checkKeys(path, `${field}.`, fields, ['file', 'inputs', 'output', 'trainable', ...others])
  const given = object(path, `${field}.inputs`, fields.inputs ?? {})
  checkKeys(path, `${field}.inputs.`, given, inputs)
  const names = Object.entries(given).map(([ours, name]) => [
    ours,
    text(path, `${field}.inputs.${ours}`, name),
  ])
  return {
    file: text(path, `${field}.file`, fields.file),
    inputs: Object.fromEntries(names),
    output: text(path, `${field}.output`, fields.output ?? output),
    trainable: list(path, `${field}.trainable`, fields.trainable ?? ['*'], 'string'),
  }
}

function checkKeys(path: string, prefix: string, fields: Fields, known: readonly string[]): void {
  const stray = Object.keys(fields).find((key) => !known.includes(key))
  if (stray !== undefined)
    throw new UserError(
      `${path}: ${
        unknownId(
          'field',
          prefix + stray,
          known.map((key) => prefix + key),
        ).message
      }`,
    )
}

function object(path: string, field: string, value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new UserError(`${path}: ${field === 'the manifest' ? field : `'${field}'`} must be an object`)
}

function text(path: string, field: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw new UserError(`${path}: '${field}' must be a text, got ${JSON.stringify(value)}`)
}

function list<K extends 'string' | 'number'>(path: string, field: string, value: unknown, kind: K) {
  if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === kind))
    return value as K extends 'string' ? string[] : number[]
  throw new UserError(`${path}: '${field}' must be a list of ${kind}s, got ${JSON.stringify(value)}`)
}
