/**
 * Memory shared by the learner and the rollout workers during one segment. Observations and actions cross here;
 * counters say whose turn it is. Workers block on `actionsReady`, the learner polls `observationsReady`.
 */

export interface SegmentLayout {
  readonly episodes: number
  readonly groups: number
  readonly imageBytes: number
  readonly stateDim: number
  /** Executed steps times action dimension. */
  readonly actionSize: number
}

/** Values of `status`: the episode goes on, ended in success, ended by its time limit or a failure. */
export const running = 0
export const succeeded = 1
export const timedOut = 2

/** `actionsReady` value that tells workers that a group is over. */
export const leaveSignal = -1

export interface SharedSegment {
  readonly buffer: SharedArrayBuffer
  readonly layout: SegmentLayout
  /** [groups] number of action chunks the learner has written. */
  readonly actionsReady: Int32Array
  /** [groups] number of worker turns completed (each worker adds one a decision). */
  readonly observationsReady: Int32Array
  /** [episodes] */
  readonly status: Int32Array
  /** [episodes, stateDim] */
  readonly states: Float32Array
  /** [episodes, actionSize] robot space. */
  readonly actions: Float32Array
  /** [episodes, imageBytes] */
  readonly images: Uint8Array
  /** [episodes, instructionBytes] UTF-8, zero-padded. */
  readonly instructions: Uint8Array
}

export const instructionBytes = 256

export function sharedSegment(layout: SegmentLayout, existing?: SharedArrayBuffer): SharedSegment {
  const { episodes, groups, imageBytes, stateDim, actionSize } = layout
  const words = [groups, groups, episodes, episodes * stateDim, episodes * actionSize]
  const wordCount = words.reduce((a, b) => a + b, 0)
  const buffer = existing ?? new SharedArrayBuffer(4 * wordCount + episodes * (imageBytes + instructionBytes))
  let offset = 0
  const next = <T>(
    View: new (buffer: SharedArrayBuffer, offset: number, length: number) => T,
    length: number,
  ): T => {
    const view = new View(buffer, offset, length)
    offset += 4 * length
    return view
  }
  return {
    buffer,
    layout,
    actionsReady: next(Int32Array, groups),
    observationsReady: next(Int32Array, groups),
    status: next(Int32Array, episodes),
    states: next(Float32Array, episodes * stateDim),
    actions: next(Float32Array, episodes * actionSize),
    images: new Uint8Array(buffer, 4 * wordCount, episodes * imageBytes),
    instructions: new Uint8Array(buffer, 4 * wordCount + episodes * imageBytes, episodes * instructionBytes),
  }
}

/** Episode indices of a group: contiguous, so that batches do not depend on the number of workers. */
export function groupRange(layout: SegmentLayout, group: number): [start: number, end: number] {
  const size = Math.ceil(layout.episodes / layout.groups)
  return [Math.min(group * size, layout.episodes), Math.min((group + 1) * size, layout.episodes)]
}

export function writeInstruction(shared: SharedSegment, episode: number, instruction: string): void {
  const bytes = new TextEncoder().encode(instruction).subarray(0, instructionBytes)
  shared.instructions.fill(0, episode * instructionBytes, (episode + 1) * instructionBytes)
  shared.instructions.set(bytes, episode * instructionBytes)
}

export function readInstruction(shared: SharedSegment, episode: number): string {
  const bytes = shared.instructions.slice(episode * instructionBytes, (episode + 1) * instructionBytes)
  const end = bytes.indexOf(0)
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end))
}
