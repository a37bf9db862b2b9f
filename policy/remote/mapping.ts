import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UserError, unknownId } from '@vla-gym/gymnasium'
import { type ImageFormat, imageFormats } from '../wire/images.js'
import { isRotation, type RotationName, rotationFormats } from './rotations.js'

/** One key, or the way through nested maps and lists: ['examples', 0, 'lang']. */
export type KeyPath = string | readonly (string | number)[]

export type Protocol = 'openpi' | 'vla-eval'
export const protocols: readonly Protocol[] = ['openpi', 'vla-eval']

/**
 * A camera picture in the request, uint8. `pad` keeps the aspect of the frame between black bars (openpi's
 * resize_with_pad), `stretch` fills the size; `black` stands for a camera that the robot does not have.
 */
export interface ImageMapping {
  readonly key: KeyPath
  readonly camera: 'main' | 'black'
  readonly width: number
  readonly height: number
  readonly fit: 'pad' | 'stretch'
  /** Left, top, width, height in pixels of the 640x480 frame; default all of it. */
  readonly crop?: readonly [x: number, y: number, w: number, h: number]
  /** Height, width, channels or channels, height, width. */
  readonly axes: 'hwc' | 'chw'
  readonly encoding: ImageFormat
}

/**
 * Parts of a state: `state` is the robot-space state as the simulator's embodiment lists it; position (m) and
 * rotation are the tool centre point's in the base frame; `opening` 0 closed ... 1 open, `closedness` the reverse;
 * `fingers` two finger positions, +q and -q (m); `joints` the arm's (rad).
 */
export type StatePart =
  | 'state'
  | 'position'
  | RotationName
  | 'opening'
  | 'closedness'
  | 'fingers'
  | 'joints'
  | { readonly zeros: number }
const stateParts = ['state', 'position', ...Object.keys(rotationFormats), 'opening', 'closedness', 'fingers']

/** Parts of an action: `action` is all of it in robot space; position (m), rotation and gripper one by one. */
export type ActionPart = 'action' | 'position' | RotationName | 'gripper' | { readonly skip: number }
const actionParts = ['action', 'position', ...Object.keys(rotationFormats), 'gripper']

export interface ActionMapping {
  readonly layout: readonly ActionPart[]
  /** Metres a unit, and what rotation vectors are multiplied by. */
  readonly positionScale: number
  readonly rotationScale: number
  /** The peer's numbers for a closed and an open gripper; `binary` rounds to the nearer one. */
  readonly gripper: { readonly closed: number; readonly open: number; readonly binary: boolean }
}

/** How one embodiment's observations and actions travel to and from a server. */
export interface Mapping {
  readonly name: string
  readonly embodiment: string
  /** Absent: either. */
  readonly protocol?: Protocol
  readonly images: readonly ImageMapping[]
  readonly instruction: KeyPath
  readonly state?: { readonly key: KeyPath; readonly layout: readonly StatePart[] }
  /** Sent with every request as they are. */
  readonly constants: Readonly<Record<string, unknown>>
  readonly actions: ActionMapping
  /** Steps of an answer that are executed before the next request. */
  readonly executedSteps: number
}

/** Actions wider than this, or chunks longer, are nobody's. */
const maxCount = 4096

function mappingsFolder(): string {
  // The sources and the compiled files lie at different depths below the project's root.
  for (const root of ['../..', '../../..']) {
    const path = fileURLToPath(new URL(`${root}/assets/mappings`, import.meta.url))
    if (existsSync(path)) return path
  }
  throw new UserError('assets/mappings is missing: restore it')
}

/** Names of the mappings that come with the project. */
export function mappingNames(): string[] {
  return readdirSync(mappingsFolder())
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort()
}

/** @param name one of `mappingNames()`, or a JSON file. @throws UserError that names the file and the field */
export function loadMapping(name: string): Mapping {
  const isFile = name.endsWith('.json')
  if (!isFile && !mappingNames().includes(name)) {
    const { message } = unknownId('mapping', name, mappingNames())
    throw new UserError(`${message}, or a .json file`)
  }
  const path = isFile ? name : join(mappingsFolder(), `${name}.json`)
  if (!existsSync(path)) throw new UserError(`mapping ${name} does not exist`)
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new UserError(`mapping ${name}: ${(error as Error).message}`)
  }
  return parseMapping(json, name)
}

/** @throws UserError `mapping NAME: FIELD ...` */
export function parseMapping(json: unknown, name: string): Mapping {
  const at = new Field(json, `mapping ${name}:`)
  const map = at.map(['about', 'embodiment', 'protocol', 'images', 'instruction', 'state', 'constants'], {
    also: ['actions', 'executedSteps'],
  })
  const images = map.images.list().map(parseImage)
  const views = images.filter(({ camera }) => camera === 'main')
  if (views.some((image) => JSON.stringify(renderSpec(image)) !== JSON.stringify(renderSpec(views[0]))))
    throw map.images.error("pictures of camera 'main' must all have the same size, fit and crop")
  return {
    name,
    embodiment: map.embodiment.string(),
    ...(map.protocol.given && { protocol: map.protocol.choice(protocols) }),
    images,
    instruction: map.instruction.key(),
    ...(map.state.given && { state: parseState(map.state) }),
    constants: map.constants.given ? map.constants.constants() : {},
    actions: parseActions(map.actions),
    executedSteps: map.executedSteps.count(maxCount),
  }
}

function parseImage(at: Field): ImageMapping {
  const map = at.map(['key', 'camera', 'width', 'height', 'fit', 'crop', 'axes', 'encoding'])
  const axes = map.axes.choice(['hwc', 'chw'], 'hwc')
  const encoding = map.encoding.choice(imageFormats, 'raw')
  if (axes === 'chw' && encoding !== 'raw') throw map.axes.error(`'chw' is for raw pictures, not ${encoding}`)
  return {
    key: map.key.key(),
    camera: map.camera.choice(['main', 'black'], 'main'),
    width: map.width.count(maxCount),
    height: map.height.count(maxCount),
    fit: map.fit.choice(['pad', 'stretch'], 'pad'),
    ...(map.crop.given && { crop: parseCrop(map.crop) }),
    axes,
    encoding,
  }
}

function parseCrop(at: Field): [number, number, number, number] {
  const [x, y, w, h] = at.list().map((value) => value.number())
  if (!(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= cameraFrame.width && y + h <= cameraFrame.height))
    throw at.error(`must be x, y, width, height inside ${cameraFrame.width}x${cameraFrame.height}`)
  return [x, y, w, h]
}

function parseState(at: Field): NonNullable<Mapping['state']> {
  const map = at.map(['key', 'layout'])
  const layout = map.layout.list().map((part) => part.partOf([...stateParts, 'joints'], 'zeros') as StatePart)
  return { key: map.key.key(), layout }
}

function parseActions(at: Field): ActionMapping {
  const map = at.map(['layout', 'positionScale', 'rotationScale', 'gripper'])
  const layout = map.layout.list().map((part) => part.partOf(actionParts, 'skip') as ActionPart)
  const count = (test: (part: ActionPart) => boolean) => layout.filter(test).length
  const whole = count((part) => part === 'action') === 1
  const byParts = ['position', 'gripper'].every((name) => count((part) => part === name) === 1)
  const rotations = count(isRotation)
  const named = count((part) => typeof part === 'string')
  if (!(whole ? named === 1 : byParts && rotations === 1 && named === 3))
    throw map.layout.error("must have 'action', or one each of 'position', a rotation and 'gripper'")
  const gripper = map.gripper.given ? parseGripper(map.gripper) : { closed: -1, open: 1, binary: false }
  return {
    layout,
    positionScale: map.positionScale.given ? map.positionScale.number() : 1,
    rotationScale: map.rotationScale.given ? map.rotationScale.number() : 1,
    gripper,
  }
}

function parseGripper(at: Field): ActionMapping['gripper'] {
  const map = at.map(['closed', 'open', 'binary'])
  const [closed, open] = [map.closed.number(), map.open.number()]
  if (closed === open) throw at.error('closed and open must differ')
  return { closed, open, binary: map.binary.given ? map.binary.boolean() : false }
}

/** The published camera frame that crops refer to. */
export const cameraFrame = { width: 640, height: 480 } as const

/** What of an image is drawn: size without bars, and the part of the frame. */
export function renderSpec({
  width,
  height,
  fit,
  crop = [0, 0, cameraFrame.width, cameraFrame.height],
}: ImageMapping) {
  if (fit === 'stretch') return { width, height, crop }
  const ratio = Math.max(crop[2] / width, crop[3] / height)
  const size = (length: number) => Math.max(1, Math.trunc(length / ratio))
  return { width: size(crop[2]), height: size(crop[3]), crop }
}

/** A value of the file, with its place for messages. */
class Field {
  private readonly value: unknown
  private readonly place: string

  constructor(value: unknown, place: string) {
    this.value = value
    this.place = place
  }

  get given(): boolean {
    return this.value !== undefined
  }

  error(problem: string): UserError {
    return new UserError(`${this.place} ${problem}`)
  }

  private wrong(expected: string): UserError {
    const found = this.given ? JSON.stringify(this.value).slice(0, 60) : 'nothing'
    return this.error(`must be ${expected}, got ${found}`)
  }

  map<K extends string, A extends string = never>(
    known: readonly K[],
    { also = [] }: { also?: readonly A[] } = {},
  ): Record<K | A, Field> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value))
      throw this.wrong('a map')
    const names: readonly string[] = [...known, ...also]
    const unknown = Object.keys(this.value).find((name) => !names.includes(name))
    if (unknown !== undefined)
      throw new UserError(`${this.place} ${unknownId('field', unknown, names).message}`)
    const values = this.value as Record<string, unknown>
    return Object.fromEntries(
      names.map((name) => [name, new Field(values[name], `${this.place} ${name}`)]),
    ) as Record<K | A, Field>
  }

  list(): Field[] {
    if (!Array.isArray(this.value)) throw this.wrong('a list')
    return this.value.map((item, i) => new Field(item, `${this.place}[${i}]`))
  }

  string(): string {
    if (typeof this.value !== 'string' || this.value === '') throw this.wrong('a text')
    return this.value
  }

  number(): number {
    if (typeof this.value !== 'number' || !Number.isFinite(this.value)) throw this.wrong('a number')
    return this.value
  }

  boolean(): boolean {
    if (typeof this.value !== 'boolean') throw this.wrong('true or false')
    return this.value
  }

  count(limit: number): number {
    const value = this.value as number
    if (!Number.isInteger(value) || value < 1 || value > limit)
      throw this.wrong(`a whole number from 1 to ${limit}`)
    return value
  }

  choice<T extends string>(choices: readonly T[], byDefault?: T): T {
    if (!this.given && byDefault !== undefined) return byDefault
    if (!choices.includes(this.value as T)) throw this.wrong(choices.map((c) => `'${c}'`).join(' or '))
    return this.value as T
  }

  /** A name among `names`, or { [filler]: n }. */
  partOf(names: readonly string[], filler: string): string | Record<string, number> {
    if (typeof this.value === 'object' && this.value !== null)
      return { [filler]: this.map([filler])[filler].count(maxCount) }
    const name = this.string()
    if (!names.includes(name)) throw new UserError(`${this.place} ${unknownId('part', name, names).message}`)
    return name
  }

  key(): KeyPath {
    const path = Array.isArray(this.value) ? this.value : [this.value]
    const fits = (step: unknown) =>
      typeof step === 'string' ? step !== '' && step !== '__proto__' : Number.isInteger(step) && isIndex(step)
    if (path.length === 0 || typeof path[0] !== 'string' || !path.every(fits))
      throw this.wrong('a key, or a list of keys and indices that begins with a key')
    return path.length === 1 ? path[0] : path
  }

  constants(): Record<string, unknown> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value))
      throw this.wrong('a map')
    return this.value as Record<string, unknown>
  }
}

/** Indices that a request may have; a list is filled up to the largest one. */
const isIndex = (step: unknown): boolean => (step as number) >= 0 && (step as number) < 64
