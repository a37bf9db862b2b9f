import { UserError, unknownId } from '@vla-gym/gymnasium'
import { type DitSizes, type Preset, presetNames, presets } from './presets.js'

/**
 * Sizes of a vision-language-action model: the `nano` backbone with a DiT of any preset. Channels beyond a robot's
 * own are zero padding.
 */
export interface NanoConfig extends Partial<Omit<DitSizes, 'ditLayers'>> {
  readonly preset: Preset
  readonly imageWidth: number
  readonly imageHeight: number
  /** Part of the 640x480 camera frame that the policy sees: x, y, width, height in pixels. */
  readonly imageCrop: readonly [x: number, y: number, width: number, height: number]
  readonly vocabularySize: number
  readonly promptLength: number
  readonly stateDim: number
  readonly width: number
  readonly heads: number
  readonly backboneLayers: number
  readonly ditLayers: number
  readonly stemWidth: number
  readonly keypoints: number
  readonly keypointWidth: number
  readonly languageTokens: number
  /** H: control steps in an action chunk. */
  readonly chunkSize: number
  /** K: action channels in model space, padding included. */
  readonly actionDim: number
  readonly denoisingSteps: number
  /** Leading steps of a chunk that are executed before the policy looks again. */
  readonly executedSteps: number
  /**
   * Standard deviation of the noise that sampling starts from, 0 to 1; absent: 1, as in training. With 0 an
   * observation always gives the same chunk, near the middle of those that the policy has learnt.
   */
  readonly initialNoise?: number
  /** L, set where the backbone is someone else's graph; nano's follows from the sizes above. */
  readonly hiddenTokens?: number
}

export const nanoConfig: NanoConfig = {
  preset: 'nano',
  imageWidth: 80,
  imageHeight: 80,
  imageCrop: [95, 40, 400, 400],
  vocabularySize: 512,
  promptLength: 48,
  stateDim: 16,
  width: 96,
  heads: 4,
  backboneLayers: 2,
  ditLayers: 3,
  stemWidth: 48,
  keypoints: 16,
  keypointWidth: 8,
  languageTokens: 4,
  chunkSize: 8,
  actionDim: 16,
  denoisingSteps: 4,
  executedSteps: 3,
  initialNoise: 0,
}

/**
 * Patch grids: 4x4 blocks, then merges of 2x2 and 5x5 neighbours. Few visual tokens keep the action expert cheap;
 * precise places reach it through the keypoint token.
 */
export const blockPixels = 4
export const patchMerges = [2, 5] as const
export const tokenPixels = blockPixels * patchMerges[0] * patchMerges[1]

/** 4 for nano: one token per 40x40 pixels. */
export const visualTokens = (config: NanoConfig): number =>
  (config.imageWidth / tokenPixels) * (config.imageHeight / tokenPixels)

/** L of hiddenStates [batch, L, width]: visual tokens, language tokens, one keypoint and one state token. */
export const hiddenTokens = (config: NanoConfig): number =>
  config.hiddenTokens ?? visualTokens(config) + config.languageTokens + 2

/** Sizes of the DiT: those of the backbone unless it has its own. */
export const ditSizes = (config: NanoConfig): DitSizes => ({
  ditLayers: config.ditLayers,
  ditWidth: config.ditWidth ?? config.width,
  ditHeads: config.ditHeads ?? config.heads,
  ditExpansion: config.ditExpansion ?? 4,
})

/** Rows of hiddenStates that hold the keypoint and the state token. */
export const keypointTokenRow = (config: NanoConfig): number => hiddenTokens(config) - 2
export const stateTokenRow = (config: NanoConfig): number => hiddenTokens(config) - 1

const wholeFields = Object.keys(nanoConfig).filter(
  (key) => !['preset', 'imageCrop', 'initialNoise'].includes(key),
)
const optionalFields = ['ditWidth', 'ditHeads', 'ditExpansion', 'hiddenTokens'] as const

/**
 * Checks a config that came from a file or a caller.
 * @throws UserError naming the field that is missing, of the wrong kind or does not divide.
 */
export function checkConfig(value: unknown, where = 'nano config'): NanoConfig {
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  if (!Object.hasOwn(presets, String(fields.preset)))
    throw new UserError(`${where}: preset is ${String(fields.preset)}, known: ${presetNames.join(', ')}`)
  const given = optionalFields.filter((key) => fields[key] !== undefined)
  for (const key of [...wholeFields, ...given]) {
    const size = fields[key]
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 1 || size > 1 << 20) {
      throw new UserError(`${where}: ${key} must be a whole number from 1 to ${1 << 20}, got ${String(size)}`)
    }
  }
  const crop = fields.imageCrop
  if (!Array.isArray(crop) || crop.length !== 4 || !crop.every((n) => Number.isInteger(n) && n >= 0)) {
    throw new UserError(`${where}: imageCrop must be [x, y, width, height] in whole pixels`)
  }
  const config = value as NanoConfig
  const { initialNoise = 1 } = config
  if (typeof initialNoise !== 'number' || !(initialNoise >= 0 && initialNoise <= 1)) {
    throw new UserError(`${where}: initialNoise must be a number from 0 to 1, got ${String(initialNoise)}`)
  }
  if (config.hiddenTokens === undefined) checkNanoSizes(config, where)
  if (config.executedSteps > config.chunkSize) {
    throw new UserError(
      `${where}: executedSteps ${config.executedSteps} exceeds chunkSize ${config.chunkSize}`,
    )
  }
  return config
}

/** Sizes that nano's blocks divide; a foreign backbone has its own rules. */
function checkNanoSizes(config: NanoConfig, where: string): void {
  const mustDivide = (key: keyof NanoConfig, divisor: number) => {
    if ((config[key] as number) % divisor !== 0) {
      throw new UserError(`${where}: ${key} ${String(config[key])} is not a multiple of ${divisor}`)
    }
  }
  mustDivide('imageWidth', tokenPixels)
  mustDivide('imageHeight', tokenPixels)
  mustDivide('width', config.heads)
  const { ditWidth, ditHeads } = ditSizes(config)
  if (ditWidth % ditHeads !== 0)
    throw new UserError(`${where}: ditWidth ${ditWidth} is not a multiple of ditHeads ${ditHeads}`)
}

/** The config with the DiT of a preset. @throws UserError for an unknown one */
export function withPreset(config: NanoConfig, preset: string): NanoConfig {
  if (!Object.hasOwn(presets, preset)) throw unknownId('preset', preset, presetNames)
  const { ditWidth: _w, ditHeads: _h, ditExpansion: _e, ...rest } = config
  const { ditLayers } = nanoConfig
  return checkConfig({ ...rest, ditLayers, ...presets[preset as Preset], preset: preset as Preset })
}

/** The nano config with other sizes. @throws UserError when they do not fit together. */
export function nanoConfigWith(overrides: Partial<NanoConfig>): NanoConfig {
  return checkConfig({ ...nanoConfig, ...overrides })
}
