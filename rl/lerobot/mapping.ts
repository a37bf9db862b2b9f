import { UserError } from '@vla-gym/gymnasium'
import { type EmbodimentDescription, embodiments } from '../../envs/index.js'
import { type Feature, type LerobotInfo, readJson, sizeOf } from './schema.js'

/** Where one of our channels comes from: a source channel, scaled, or a constant. */
export interface ChannelSource {
  readonly feature: string
  readonly channel: number
  readonly scale: number
  readonly offset: number
  /** Of the source frames that one of ours stands for: the first for states; the last, or for motions the sum. */
  readonly combine: 'first' | 'last' | 'sum'
}

/** How a dataset that others made becomes one of ours. */
export interface Mapping {
  readonly embodiment: EmbodimentDescription
  readonly camera: string
  /** Part of the source picture that the policy sees: x, y, width, height; default all of it. */
  readonly crop?: readonly [number, number, number, number]
  /** Every so many source frames become one of ours. */
  readonly every: number
  readonly state: readonly (ChannelSource | { readonly value: number })[]
  readonly action: readonly (ChannelSource | { readonly value: number })[]
}

/**
 * Reads a mapping file and checks it against the dataset; docs/datasets.md shows one.
 * @throws UserError naming file and field
 */
export function readMapping(path: string, info: LerobotInfo, infoPath: string): Mapping {
  const raw = readJson(path) as Record<string, unknown>
  const wrong = (field: string, what: string) => new UserError(`${path}: field '${field}' ${what}`)
  if (typeof raw !== 'object' || raw === null) throw new UserError(`${path}: not an object`)
  for (const field of Object.keys(raw)) {
    if (!['embodiment', 'camera', 'crop', 'every', 'state', 'action'].includes(field))
      throw wrong(field, 'is not known; known are embodiment, camera, crop, every, state, action')
  }
  const embodiment = embodiments.get(String(raw.embodiment))
  if (!embodiment)
    throw wrong('embodiment', `is '${raw.embodiment}', not one of ${[...embodiments.keys()].join(', ')}`)

  const every = raw.every === undefined ? 1 : Number(raw.every)
  if (!Number.isInteger(every) || every < 1) throw wrong('every', `is ${raw.every}, not a whole number`)
  if (info.fps !== every * embodiment.controlFrequency) {
    const factor = info.fps / embodiment.controlFrequency
    const advice = Number.isInteger(factor) ? `; set 'every' to ${factor} in ${path}` : ''
    throw new UserError(
      `${infoPath}: field 'fps' is ${info.fps}, ${embodiment.id} is controlled at ` +
        `${embodiment.controlFrequency} Hz and every ${every === 1 ? '' : `${every}. `}frame is taken${advice}`,
    )
  }
  const camera = String(raw.camera)
  const feature = info.features[camera]
  if (!feature || !/^(image|video)$/.test(feature.dtype)) {
    const cameras = Object.entries(info.features).filter(([, { dtype }]) => /^(image|video)$/.test(dtype))
    throw wrong('camera', `is '${raw.camera}'; the dataset has ${cameras.map(([name]) => name).join(', ')}`)
  }
  return {
    embodiment,
    camera,
    crop: cropOf(raw.crop, wrong),
    every,
    state: channelsOf(raw.state, 'state', embodiment.stateNames, info, wrong),
    action: channelsOf(raw.action, 'action', embodiment.actionNames, info, wrong),
  }
}

type Wrong = (field: string, what: string) => UserError

function cropOf(value: unknown, wrong: Wrong): Mapping['crop'] {
  if (value === undefined) return undefined
  if (Array.isArray(value) && value.length === 4 && value.every((n) => Number.isInteger(n) && n >= 0))
    return value as unknown as Mapping['crop']
  throw wrong('crop', 'is not [x, y, width, height] in pixels')
}

function channelsOf(
  value: unknown,
  field: 'state' | 'action',
  names: readonly string[],
  info: LerobotInfo,
  wrong: Wrong,
): Mapping['state'] {
  const { feature, channels } = (value ?? {}) as { feature?: unknown; channels?: unknown }
  if (!Array.isArray(channels) || channels.length !== names.length) {
    const found = Array.isArray(channels) ? `${channels.length} channels` : 'no list of channels'
    throw wrong(`${field}.channels`, `has ${found}, expected ${names.length}: ${names.join(', ')}`)
  }
  return channels.map((entry: unknown, i) =>
    channelOf(entry, `${field}.channels[${i}]`, names[i], String(feature), info, wrong),
  )
}

function channelOf(
  entry: unknown,
  field: string,
  name: string,
  defaultFeature: string,
  info: LerobotInfo,
  wrong: Wrong,
): ChannelSource | { value: number } {
  const source = (typeof entry === 'object' && entry !== null ? entry : { from: entry }) as Record<
    string,
    unknown
  >
  const numberOf = (key: string, absent: number) => {
    const value = source[key] ?? absent
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw wrong(`${field}.${key}`, `is ${JSON.stringify(value)}, not a number`)
    return value
  }
  if ('value' in source) return { value: numberOf('value', 0) }
  const feature = String(source.feature ?? defaultFeature)
  const described = info.features[feature]
  if (!described || /^(image|video|string)$/.test(described.dtype))
    throw wrong(field, `(${name}) is of '${feature}', which is no numeric feature of the dataset`)
  const combine = source.combine ?? (field.startsWith('state') ? 'first' : 'last')
  if (combine !== 'first' && combine !== 'last' && combine !== 'sum')
    throw wrong(`${field}.combine`, `is '${combine}', not first, last or sum`)
  return {
    feature,
    channel: channelIndex(source.from, field, name, feature, described, wrong),
    scale: numberOf('scale', 1),
    offset: numberOf('offset', 0),
    combine,
  }
}

function channelIndex(
  from: unknown,
  field: string,
  name: string,
  feature: string,
  described: Feature,
  wrong: Wrong,
): number {
  const size = sizeOf(described)
  const names = channelNames(described)
  const index = typeof from === 'string' ? names.indexOf(from) : from
  if (Number.isInteger(index) && (index as number) >= 0 && (index as number) < size) return index as number
  const known = names.length > 0 ? `its channels are ${names.join(', ')}` : `it has ${size} channels`
  throw wrong(field, `(${name}) comes from '${from}' of '${feature}'; ${known}`)
}

/** Names of a feature's channels: a list, or in older datasets an object of lists. */
export function channelNames({ names }: Feature): string[] {
  if (typeof names !== 'object' || names === null) return []
  return Object.values(names)
    .flat()
    .filter((name): name is string => typeof name === 'string')
}
