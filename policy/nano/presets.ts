/** Sizes of an action expert; what it does not name stays as it is. */
export interface DitSizes {
  readonly ditLayers: number
  readonly ditWidth: number
  readonly ditHeads: number
  /** Width of the MLPs as a multiple of ditWidth. */
  readonly ditExpansion: number
}

/**
 * Model size is one dial: the DiT's sizes by name, its weights with the nano backbone's hidden states (96 wide).
 * `qwen-vla` has the blocks of Qwen-VLA's action expert as far as its weight counts tell: 16 blocks of 30 width²
 * weights, width 1536, which leaves 20 width² for a shared MLP beside attention (4) and AdaLN (6). The number of
 * heads is not published; 128 channels each are usual at this size.
 */
export const presets = {
  /** 0.58 M */
  nano: {},
  /** 7.5 M */
  small: { ditLayers: 6, ditWidth: 256, ditHeads: 4, ditExpansion: 4 },
  /** 30 M */
  base: { ditLayers: 6, ditWidth: 512, ditHeads: 8, ditExpansion: 4 },
  /** 109 M */
  large: { ditLayers: 10, ditWidth: 768, ditHeads: 12, ditExpansion: 4 },
  /** 1.14 billion */
  'qwen-vla': { ditLayers: 16, ditWidth: 1536, ditHeads: 12, ditExpansion: 10 },
} as const satisfies Record<string, DitSizes | Record<string, never>>

export type Preset = keyof typeof presets
export const presetNames = Object.keys(presets) as Preset[]
