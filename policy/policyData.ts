import { UserError } from '@vla-gym/gymnasium'
import { encodeModel, type Model, readModel, type TensorData, type ValueInfo } from '@vla-gym/onnx-grad'
import type { EmbodimentEntry } from './embodiment.js'
import { type FileContent, readFolder, writeFolder } from './folder.js'
import { checkConfig, type NanoConfig } from './nano/config.js'
import { backboneModel, ditModel, groundingModel, signatures, valueModel } from './nano/graphs.js'
import type { Parameters } from './parameters.js'
import { readSafetensors, safetensorsPieces } from './safetensors.js'
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
  /** Graphs to run instead of the nano ones; their initializers that `parameters` names have its values. */
  readonly models?: Partial<Record<PolicyPart, Model>>
}

const builders = { backbone: backboneModel, dit: ditModel, value: valueModel, grounding: groundingModel }
export type ModelName = keyof typeof builders

/** The inference graph of a part: the policy's own one, or nano's, with the policy's weights. */
export function policyModel(data: PolicyData, name: ModelName): Model {
  const own = ownModel(data, name)
  if (!own) return builders[name](data.manifest.config, data.parameters)
  const weights = [...own.initializers].map(
    ([weight, tensor]) => [weight, data.parameters.get(weight) ?? tensor] as const,
  )
  return { ...own, initializers: new Map(weights) }
}

const ownModel = (data: PolicyData, name: ModelName): Model | undefined =>
  name === 'backbone' || name === 'dit' ? data.models?.[name] : undefined

/** Names of the weights of a part that can be trained: 'dit.…' of the DiT. */
export const weightNames = (model: Model, part: ModelName): string[] =>
  [...model.initializers.keys()].filter((name) => name.startsWith(`${part}.`))

/** Graphs with more bytes of weights than this have them in a file beside them. */
const externalAbove = 2 ** 30
const weightsFile = 'weights.safetensors'

/** Files of a policy folder: weights, tokenizer, and the two graphs that plain onnxruntime can run. */
export function policyFiles(data: PolicyData, options = { externalAbove }): Map<string, FileContent> {
  const files = new Map<string, FileContent>()
  const weights = new Map(
    [...data.parameters].filter(
      ([name]) => !policyParts.some((p) => data.models?.[p] && name.startsWith(`${p}.`)),
    ),
  )
  const pieces = safetensorsPieces(weights, { format: policyFormat })
  files.set(weightsFile, pieces)
  files.set('tokenizer.json', new TextEncoder().encode(data.tokenizerJson))
  for (const part of policyParts) {
    const model = policyModel(data, part)
    if (bytesOf(model.initializers.values()) <= options.externalAbove) {
      files.set(`${part}.onnx`, encodeModel(model))
    } else if (ownModel(data, part)) {
      const { places, content } = externalWeights(model.initializers, `${part}.data`, 0)
      files.set(`${part}.data`, content)
      files.set(`${part}.onnx`, encodeModel(model, places))
    } else {
      const { places } = externalWeights(weights, weightsFile, pieces[0].length)
      files.set(`${part}.onnx`, encodeModel(model, places))
    }
  }
  return files
}

function bytesOf(tensors: Iterable<TensorData>): number {
  let sum = 0
  for (const { data } of tensors) sum += data.byteLength
  return sum
}

/** Places of tensors that lie in a file one after the other, and their bytes. */
function externalWeights(tensors: ReadonlyMap<string, TensorData>, location: string, start: number) {
  const places = new Map<string, { location: string; offset: number; length: number }>()
  const content: Uint8Array[] = []
  let offset = start
  for (const [name, { data }] of tensors) {
    places.set(name, { location, offset, length: data.byteLength })
    content.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    offset += data.byteLength
  }
  return { places, content }
}

/** Writes a policy folder atomically. @throws UserError */
export function savePolicy(dir: string, data: PolicyData, options?: { externalAbove: number }): void {
  checkPolicy(data, 'policy')
  writeFolder(dir, policyFiles(data, options), data.manifest)
}

/**
 * Reads and checks a policy folder.
 * @throws UserError naming what is missing, changed, or does not fit the config: file, weight or graph input
 */
export function loadPolicyData(dir: string): PolicyData {
  const folder = readFolder(dir)
  const { files: _files, contentHash: _hash, ...fields } = folder.manifest
  const parameters = readSafetensors(folder.path(weightsFile))
  const config = checkConfig(fields.config, `${dir}: manifest.json: config`)
  const models: Partial<Record<PolicyPart, Model>> = {}
  for (const part of policyParts) {
    const path = folder.path(`${part}.onnx`)
    const weights = [...parameters]
      .filter(([name]) => name.startsWith(`${part}.`))
      .map(([, tensor]) => tensor)
    // A large graph of nano's refers to the weights just read: it is not worth reading them twice.
    if (bytesOf(weights) > externalAbove) continue
    const { model } = readModel(path)
    checkSignature(model, signatures[part](config), `${dir}: ${part}.onnx`)
    if (weights.length > 0) continue
    models[part] = model
    for (const name of weightNames(model, part)) parameters.set(name, model.initializers.get(name)!)
  }
  const data: PolicyData = {
    manifest: fields as PolicyManifest,
    parameters,
    tokenizerJson: new TextDecoder().decode(folder.read('tokenizer.json')),
    ...(Object.keys(models).length > 0 && { models }),
  }
  checkPolicy(data, dir)
  return data
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
