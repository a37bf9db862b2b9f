import { UserError } from '@vla-gym/gymnasium'
import { decodeModel, encodeModel, type Model, type ValueInfo } from '@vla-gym/onnx-grad'
import type { EmbodimentEntry } from './embodiment.js'
import { readFolder, writeFolder } from './folder.js'
import { checkConfig, type NanoConfig } from './nano/config.js'
import { backboneModel, ditModel, groundingModel, signatures, valueModel } from './nano/graphs.js'
import type { Parameters } from './parameters.js'
import { decodeSafetensors, encodeSafetensors } from './safetensors.js'
import { loadTokenizer } from './tokenizer.js'

export const policyFormat = 'vla-gym-policy/1'

export interface PolicyManifest {
  readonly format: typeof policyFormat
  readonly config: NanoConfig
  readonly embodiments: Readonly<Record<string, EmbodimentEntry>>
  readonly [field: string]: unknown
}

/** Parts of a policy that someone else's graph can replace. */
export type PolicyPart = 'backbone' | 'dit'
const policyParts: readonly PolicyPart[] = ['backbone', 'dit']

export interface PolicyData {
  readonly manifest: PolicyManifest
  readonly parameters: Parameters
  readonly tokenizerJson: string
  /** Graphs to run instead of the nano ones: set where `parameters` hold no weights of that part. */
  readonly models?: Partial<Record<PolicyPart, Model>>
}

const builders = { backbone: backboneModel, dit: ditModel, value: valueModel, grounding: groundingModel }
export type ModelName = keyof typeof builders

/** The inference graph of a part: the folder's own one, or nano's with the policy's weights. */
export function policyModel(data: PolicyData, name: ModelName): Model {
  const own = name === 'backbone' || name === 'dit' ? data.models?.[name] : undefined
  return own ?? builders[name](data.manifest.config, data.parameters)
}

/** Files of a policy folder: weights, tokenizer, and the two graphs that plain onnxruntime can run. */
export function policyFiles(data: PolicyData): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  files.set('weights.safetensors', encodeSafetensors(data.parameters, { format: policyFormat }))
  files.set('tokenizer.json', new TextEncoder().encode(data.tokenizerJson))
  for (const part of policyParts) files.set(`${part}.onnx`, encodeModel(policyModel(data, part)))
  return files
}

/** Writes a policy folder atomically. @throws UserError */
export function savePolicy(dir: string, data: PolicyData): void {
  checkPolicy(data, 'policy')
  writeFolder(dir, policyFiles(data), data.manifest)
}

/**
 * Reads and checks a policy folder.
 * @throws UserError naming what is missing, changed, or does not fit the config: file, weight or graph input
 */
export function loadPolicyData(dir: string): PolicyData {
  const { manifest, files } = readFolder(dir)
  const file = (name: string): Uint8Array => {
    const bytes = files.get(name)
    if (!bytes) throw new UserError(`${dir}: ${name} is missing`)
    return bytes
  }
  const { files: _files, contentHash: _hash, ...fields } = manifest
  const parameters = decodeSafetensors(file('weights.safetensors'), `${dir}: weights.safetensors`)
  const config = checkConfig(fields.config, `${dir}: manifest.json: config`)
  const models: Partial<Record<PolicyPart, Model>> = {}
  for (const part of policyParts) {
    const model = readModel(file(`${part}.onnx`), `${dir}: ${part}.onnx`)
    checkSignature(model, signatures[part](config), `${dir}: ${part}.onnx`)
    const isNano = [...parameters.keys()].some((name) => name.startsWith(`${part}.`))
    if (!isNano) models[part] = model
  }
  const data: PolicyData = {
    manifest: fields as PolicyManifest,
    parameters,
    tokenizerJson: new TextDecoder().decode(file('tokenizer.json')),
    ...(Object.keys(models).length > 0 && { models }),
  }
  checkPolicy(data, dir)
  return data
}

function readModel(bytes: Uint8Array, where: string): Model {
  try {
    return decodeModel(bytes)
  } catch (error) {
    throw new UserError(`${where}: ${(error as Error).message}`)
  }
}

/** @throws UserError naming the input or output of a graph that a policy cannot feed or read. */
export function checkSignature(
  model: Model,
  expected: { inputs: readonly ValueInfo[]; outputs: readonly ValueInfo[] },
  where: string,
): void {
  const describe = (info?: ValueInfo) => (info ? `${info.dtype} [${info.shape.join(', ')}]` : 'absent')
  const fits = (found: ValueInfo, wanted: ValueInfo) =>
    found.dtype === wanted.dtype &&
    found.shape.length === wanted.shape.length &&
    // A symbolic size in the graph takes any size; a fixed one must be the policy's.
    found.shape.every((dim, axis) => typeof dim === 'string' || dim === wanted.shape[axis])
  for (const [kind, list, wanted] of [
    ['input', model.inputs, expected.inputs],
    ['output', model.outputs, expected.outputs],
  ] as const) {
    for (const info of wanted) {
      const found = list.find(({ name }) => name === info.name)
      if (!found || !fits(found, info)) {
        throw new UserError(
          `${where}: ${kind} '${info.name}' is ${describe(found)}, the policy needs ${describe(info)}`,
        )
      }
    }
  }
  const extra = model.inputs.find(({ name }) => !expected.inputs.some((info) => info.name === name))
  if (extra) throw new UserError(`${where}: input '${extra.name}' is not one that a policy gives`)
}

/** @throws UserError when the parts of a policy do not fit together. */
export function checkPolicy(data: PolicyData, where: string): void {
  const { manifest } = data
  if (manifest.format !== policyFormat) {
    throw new UserError(`${where}: format is ${String(manifest.format)}, this version reads ${policyFormat}`)
  }
  const config = checkConfig(manifest.config, `${where}: config`)
  if (typeof manifest.embodiments !== 'object' || manifest.embodiments === null) {
    throw new UserError(`${where}: the manifest names no embodiments`)
  }
  for (const [id, entry] of Object.entries(manifest.embodiments))
    checkEmbodiment(entry, config, `${where}: ${id}`)
  const { vocabularySize } = loadTokenizer(data.tokenizerJson)
  if (vocabularySize > config.vocabularySize) {
    throw new UserError(
      `${where}: tokenizer has ${vocabularySize} tokens, the model knows ${config.vocabularySize}`,
    )
  }
  for (const part of policyParts) policyModel(data, part)
}

function checkEmbodiment(entry: EmbodimentEntry, config: NanoConfig, where: string): void {
  for (const [kind, limit] of [
    ['action', config.actionDim],
    ['state', config.stateDim],
  ] as const) {
    const dim = entry?.description?.[`${kind}Dim`]
    if (!Number.isInteger(dim) || dim < 1 || dim > limit) {
      throw new UserError(`${where}: ${kind}Dim is ${String(dim)}, the model has room for ${limit}`)
    }
    const stats = entry[`${kind}Stats`]
    for (const quantile of ['q01', 'q99'] as const) {
      const list = stats?.[quantile]
      if (!Array.isArray(list) || list.length !== dim || !list.every(Number.isFinite)) {
        throw new UserError(`${where}: ${kind}Stats.${quantile} must be ${dim} finite numbers`)
      }
    }
  }
}
