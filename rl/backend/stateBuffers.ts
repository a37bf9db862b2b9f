import { UserError } from '@vla-gym/gymnasium'
import type { TensorData } from '@vla-gym/onnx-grad'
import * as ort from 'onnxruntime-node'

/** A tensor to begin with; zeros without data. */
export interface InitialTensor {
  readonly shape: readonly number[]
  readonly data?: Float32Array
}

/**
 * Float32 tensors that a training graph reads as `<name>` and returns as `next.<name>`. Where the graph allows
 * it, one buffer serves as input and as preallocated output; the others have two that take turns. So a step
 * copies nothing.
 */
export class StateBuffers {
  private current: Map<string, ort.Tensor>
  private next: Map<string, ort.Tensor>

  constructor(initial: ReadonlyMap<string, InitialTensor>, inPlace: ReadonlySet<string>) {
    const buffer = ({ shape, data }: InitialTensor) => {
      const size = shape.reduce((a, b) => a * b, 1)
      return new ort.Tensor('float32', data ? data.slice() : new Float32Array(size), [...shape])
    }
    this.current = new Map([...initial].map(([name, tensor]) => [name, buffer(tensor)]))
    const second = (name: string, tensor: ort.Tensor) =>
      inPlace.has(name) ? tensor : buffer({ shape: tensor.dims })
    this.next = new Map([...this.current].map(([name, tensor]) => [name, second(name, tensor)]))
  }

  get names(): string[] {
    return [...this.current.keys()]
  }

  /** The tensors as feeds and preallocated outputs of a run. */
  bind(feeds: Record<string, ort.Tensor>, fetches: Record<string, ort.Tensor | null>): void {
    for (const [name, tensor] of this.current) feeds[name] = tensor
    for (const [name, tensor] of this.next) fetches[`next.${name}`] = tensor
  }

  /** What the last run returned becomes what the next one reads. */
  advance(): void {
    ;[this.current, this.next] = [this.next, this.current]
  }

  tensor(name: string): ort.Tensor {
    return this.current.get(name)!
  }

  copy(name: string): TensorData {
    const tensor = this.tensor(name)
    return { dtype: 'float32', shape: [...tensor.dims], data: (tensor.data as Float32Array).slice() }
  }

  fill(value: number): void {
    for (const tensor of this.current.values()) (tensor.data as Float32Array).fill(value)
  }

  /** @throws UserError naming a tensor that is missing or has another size; then nothing is changed */
  load(state: ReadonlyMap<string, TensorData>): void {
    for (const [name, { data }] of this.current)
      if (state.get(name)?.data.length !== data.length)
        throw new UserError(`optimiser state does not fit: tensor '${name}' is missing or has another size`)
    for (const [name, { data }] of this.current)
      (data as Float32Array).set(state.get(name)!.data as Float32Array)
  }
}
