import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { UserError } from '@vla-gym/gymnasium'
import { type Model, readModel } from '@vla-gym/onnx-grad'
import { actionMask } from '../actionSpace.js'
import { checkConfig, type NanoConfig } from '../nano/config.js'
import { initParameters } from '../nano/graphs.js'
import { loadPolicyData, type PolicyData, type PolicyPart, weightNames } from '../policyData.js'
import { loadTokenizer } from '../tokenizer.js'
import { adaptBackbone, adaptExpert, chunkOf, expectInfo, interfaceOf } from './adapt.js'
import { backboneInputNames, expertInputs, type ForeignManifest, readForeignManifest } from './manifest.js'
import { verifyExpert } from './verify.js'

/**
 * A policy whose action expert, and backbone if the manifest names one, are graphs from elsewhere; embodiments,
 * statistics, tokenizer and whatever else is not named come from the manifest's base policy. The weights to train are
 * in `parameters` as 'dit.…' and 'backbone.…'.
 * @throws UserError naming file and field of whatever does not fit
 */
export async function importPolicy(manifestPath: string): Promise<PolicyData> {
  const manifest = readForeignManifest(manifestPath)
  const at = (file: string) => resolve(dirname(manifestPath), file)
  const base = loadPolicyData(at(manifest.base))
  const tokenizerJson = manifest.tokenizer ? readText(at(manifest.tokenizer)) : base.tokenizerJson
  const start: NanoConfig = {
    ...base.manifest.config,
    ...(manifest.tokenizer && { vocabularySize: loadTokenizer(tokenizerJson).vocabularySize }),
    ...(manifest.imageCrop && { imageCrop: manifest.imageCrop as unknown as NanoConfig['imageCrop'] }),
  }
  const models: Partial<Record<PolicyPart, Model>> = { ...base.models }
  let config = start
  if (manifest.backbone) {
    const imported = importBackbone(manifest, manifest.backbone, at(manifest.backbone.file), start)
    config = imported.config
    models.backbone = imported.model
  }
  const expertPath = at(manifest.actionExpert.file)
  const imported = importExpert(manifest, expertPath, config, base)
  config = imported.config
  models.dit = imported.model

  const parameters = new Map(base.parameters)
  const forget = (prefix: string) => {
    for (const name of base.parameters.keys()) if (name.startsWith(prefix)) parameters.delete(name)
  }
  forget('dit.')
  if (manifest.backbone) {
    // Heads that read the old backbone's hidden states mean nothing now; the value head starts anew.
    for (const prefix of ['backbone.', 'grounding.', 'value.']) forget(prefix)
    for (const [name, tensor] of initParameters(config, 0, ['value'])) parameters.set(name, tensor)
  }
  for (const part of ['backbone', 'dit'] as const) {
    const model = models[part]
    if (!model) continue
    for (const name of weightNames(model, part)) parameters.set(name, model.initializers.get(name)!)
  }
  const { training: _, ...fields } = base.manifest
  const policy = { manifest: { ...fields, config }, parameters, tokenizerJson, models }
  await verifyExpert(policy, expertPath)
  return policy
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UserError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`)
  }
}

function importExpert(manifest: ForeignManifest, path: string, base: NanoConfig, policy: PolicyData) {
  const graph = manifest.actionExpert
  const { model } = readModel(path)
  const found = interfaceOf(model, graph, expertInputs, ['mask'], path)
  const [chunkSize, actionDim] = chunkOf(found, path)
  const config = checkConfig(
    {
      ...base,
      chunkSize,
      actionDim,
      denoisingSteps: manifest.denoisingSteps ?? base.denoisingSteps,
      executedSteps: manifest.executedSteps ?? Math.min(base.executedSteps, chunkSize),
      initialNoise: manifest.initialNoise ?? 1,
    },
    manifest.path,
  )
  const entries = Object.entries(policy.manifest.embodiments)
  const tooWide = entries.find(([, { description }]) => description.actionDim > actionDim)
  if (tooWide)
    throw new UserError(
      `${path}: '${found.inputs.noisy_actions.name}' has ${actionDim} channels, the robot '${tooWide[0]}' needs ${tooWide[1].description.actionDim}`,
    )
  if (found.inputs.mask?.shape.length === 3 && entries.length > 1)
    throw new UserError(
      `${path}: '${found.inputs.mask.name}' depends on the robot, and the base policy has several: ${entries.map(([id]) => id).join(', ')}`,
    )
  const mask = actionMask(entries[0][1], config)
  return { config, model: adaptExpert(model, graph, found, config, mask, path) }
}

function importBackbone(
  manifest: ForeignManifest,
  graph: NonNullable<ForeignManifest['backbone']>,
  path: string,
  base: NanoConfig,
) {
  const { model } = readModel(path)
  const found = interfaceOf(
    model,
    graph,
    backboneInputNames,
    ['state', 'prompt_tokens', 'prompt_index'],
    path,
  )
  const { image, state, prompt_tokens: tokens } = found.inputs
  expectInfo(image, 'uint8', ['batch', 'any', 'any', 3], path)
  expectInfo(found.output, 'float32', ['batch', 'any', 'any'], path)
  const size = (value: unknown, otherwise: number) => (typeof value === 'number' ? value : otherwise)
  const config = checkConfig(
    {
      ...base,
      imageHeight: image.shape[1],
      imageWidth: image.shape[2],
      stateDim: size(state?.shape[1], base.stateDim),
      promptLength: size(tokens?.shape[1], base.promptLength),
      hiddenTokens: found.output.shape[1],
      width: found.output.shape[2],
    },
    manifest.path,
  )
  return { config, model: adaptBackbone(model, graph, found, config, path) }
}
