import { UserError } from '@vla-gym/gymnasium'
import { actionBox, type Embodiment } from '../embodiment.js'
import { packImage } from '../wire/images.js'
import { type EncodedImage, type FloatArray, NdArray, type WireMap, type WireValue } from '../wire/ndarray.js'
import { WireError } from '../wire/wireError.js'
import {
  type ActionMapping,
  type ActionPart,
  type ImageMapping,
  type KeyPath,
  type Mapping,
  renderSpec,
  type StatePart,
} from './mapping.js'
import { isRotation, type Quaternion, rotationFormats, rotationVector } from './rotations.js'

/** What a robot sees and measures when it asks for actions. */
export interface RobotObservation {
  /** [height, width, 3] of the size that the mapping's `renderSpec` gives. */
  readonly image: Uint8Array
  /** [stateDim] robot space. */
  readonly state: Float32Array
  /** [7] tool centre point in the base frame: m, quaternion xyzw. */
  readonly tcpPose: ArrayLike<number>
  /** The arm's, rad, and one finger's, m. */
  readonly joints: ArrayLike<number>
  readonly instruction: string
}

/** An observation as the mapping's server wants it. */
export async function requestOf(
  mapping: Mapping,
  embodiment: Embodiment,
  observation: RobotObservation,
): Promise<WireMap> {
  const request: Record<string, unknown> = structuredClone(mapping.constants)
  for (const image of mapping.images) put(request, image.key, await pictureOf(image, observation.image))
  if (mapping.state) {
    const { key, layout } = mapping.state
    const numbers = layout.flatMap((part) => statePart(part, embodiment, observation))
    put(request, key, new NdArray('f4', [numbers.length], Float32Array.from(numbers)))
  }
  put(request, mapping.instruction, observation.instruction)
  return request as WireMap
}

/** Sets a value deep inside maps and lists, which are made where they are missing. */
function put(request: Record<string, unknown>, key: KeyPath, value: WireValue): void {
  const path = typeof key === 'string' ? [key] : key
  let place = request as Record<string | number, unknown>
  for (const [i, step] of path.slice(0, -1).entries()) {
    place[step] ??= typeof path[i + 1] === 'number' ? [] : {}
    place = place[step] as Record<string | number, unknown>
  }
  place[path[path.length - 1]] = value
}

async function pictureOf(image: ImageMapping, drawn: Uint8Array): Promise<NdArray | EncodedImage> {
  const { width, height, axes, encoding } = image
  const data = image.camera === 'black' ? blackPicture(image) : padded(image, drawn)
  if (axes === 'chw') return new NdArray('u1', [3, height, width], channelsFirst(data))
  return packImage({ width, height, data }, encoding)
}

const blackPicture = ({ width, height }: ImageMapping) => new Uint8Array(3 * width * height)

/** The drawn picture in the middle of a black one of the mapping's size. */
function padded(image: ImageMapping, drawn: Uint8Array): Uint8Array {
  const size = renderSpec(image)
  if (drawn.length !== 3 * size.width * size.height)
    throw new UserError(`picture of ${drawn.length} bytes, the mapping wants ${size.width}x${size.height}x3`)
  if (size.width === image.width && size.height === image.height) return drawn
  const out = blackPicture(image)
  const left = Math.trunc((image.width - size.width) / 2)
  const top = Math.trunc((image.height - size.height) / 2)
  const row = 3 * size.width
  for (let y = 0; y < size.height; y++)
    out.set(drawn.subarray(y * row, (y + 1) * row), 3 * ((top + y) * image.width + left))
  return out
}

function channelsFirst(pixels: Uint8Array): Uint8Array {
  const count = pixels.length / 3
  const out = new Uint8Array(pixels.length)
  for (let i = 0; i < count; i++) for (let c = 0; c < 3; c++) out[c * count + i] = pixels[3 * i + c]
  return out
}

function statePart(part: StatePart, embodiment: Embodiment, observation: RobotObservation): number[] {
  const { state, tcpPose, joints } = observation
  if (typeof part === 'object') return new Array<number>(part.zeros).fill(0)
  if (isRotation(part)) {
    const q: Quaternion = [tcpPose[3], tcpPose[4], tcpPose[5], tcpPose[6]]
    return rotationFormats[part].write(q)
  }
  const finger = joints[joints.length - 1]
  switch (part) {
    case 'state':
      return [...state]
    case 'position':
      return [tcpPose[0], tcpPose[1], tcpPose[2]]
    case 'opening':
      return [opening(embodiment, state)]
    case 'closedness':
      return [1 - opening(embodiment, state)]
    case 'fingers':
      return [finger, -finger]
    case 'joints':
      return Array.from(joints).slice(0, -1)
  }
}

function opening({ id, stateNames = [] }: Embodiment, state: Float32Array): number {
  const channel = stateNames.indexOf('opening')
  if (channel < 0) throw new UserError(`the state of embodiment ${id} has no 'opening'`)
  return state[channel]
}

/** Numbers that a part of an action takes. */
function widthOf(part: ActionPart, actionDim: number): number {
  if (typeof part === 'object') return part.skip
  if (isRotation(part)) return rotationFormats[part].size
  return part === 'action' ? actionDim : part === 'position' ? 3 : 1
}

/**
 * A server's answer, [D], [H, D] or [1, H, D], as robot-space actions [H, actionDim], clipped to the robot's box.
 * @throws WireError for another shape, fewer steps than are executed, or numbers that are no rotation
 */
export function actionsOf(mapping: Mapping, embodiment: Embodiment, answer: FloatArray): Float32Array {
  const { actionDim } = embodiment
  const { layout } = mapping.actions
  const width = layout.reduce((sum, part) => sum + widthOf(part, actionDim), 0)
  const shape = answer.shape.length === 3 && answer.shape[0] === 1 ? answer.shape.slice(1) : answer.shape
  if (shape.length < 1 || shape.length > 2 || shape[shape.length - 1] !== width)
    throw new WireError(`actions of shape [${answer.shape.join(', ')}], the mapping reads [steps, ${width}]`)
  const steps = answer.data.length / width
  if (steps < mapping.executedSteps)
    throw new WireError(`${steps} actions a request, the mapping executes ${mapping.executedSteps}`)
  const out = new Float32Array(steps * actionDim)
  for (let step = 0; step < steps; step++) {
    const row = Array.from(answer.data.subarray(step * width, (step + 1) * width))
    out.set(robotAction(mapping.actions, row, actionDim), step * actionDim)
  }
  const { low, high } = actionBox(embodiment)
  return out.map((x, i) => Math.min(high[i % actionDim], Math.max(low[i % actionDim], x)))
}

/** One action of a peer in robot space: all of it, or [position, rotation vector, gripper]. */
function robotAction(mapping: ActionMapping, row: readonly number[], actionDim: number): number[] {
  const action = new Array<number>(7).fill(0)
  let at = 0
  for (const part of mapping.layout) {
    const numbers = row.slice(at, (at += widthOf(part, actionDim)))
    if (part === 'action') return numbers
    if (part === 'position') for (let i = 0; i < 3; i++) action[i] = numbers[i] * mapping.positionScale
    else if (part === 'gripper') action[6] = gripperCommand(mapping.gripper, numbers[0])
    else if (isRotation(part)) {
      const rotation = rotationFormats[part].read(numbers)
      if (!rotation) throw new WireError(`${part} ${numbers.join(', ')} is no rotation`)
      const vector = rotationVector(rotation)
      for (let i = 0; i < 3; i++) action[3 + i] = vector[i] * mapping.rotationScale
    }
  }
  return action
}

/** The peer's number as -1 closed ... +1 open. In the middle, `binary` closes, as SimplerEnv's evaluations do. */
function gripperCommand({ closed, open, binary }: ActionMapping['gripper'], value: number): number {
  const command = (2 * (value - closed)) / (open - closed) - 1
  return binary ? (command > 0 ? 1 : -1) : command
}
