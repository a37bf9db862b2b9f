import { Box, Discrete, type Env, type RenderFrame, type ResetOptions, Rng } from '@vla-gym/gymnasium'

const gravity = 9.8
const poleMass = 0.1
const totalMass = 1.1
const halfLength = 0.5
const force = 10
const dt = 0.02
const angleLimit = (12 * 2 * Math.PI) / 360

/** Cart-pole of Barto, Sutton and Anderson (1983), explicit Euler: push left (0) or right (1), reward 1 a step. */
export class CartPole implements Env<Float32Array, number, Record<string, unknown>> {
  readonly observationSpace = new Box(-Infinity, Infinity, [4])
  readonly actionSpace = new Discrete(2)
  readonly metadata = { renderFps: 50 }
  closed = false
  private rng = Rng.fromSeed(0)
  private state = [0, 0, 0, 0]

  reset({ seed }: ResetOptions = {}): [Float32Array, Record<string, unknown>] {
    if (seed !== undefined) this.rng = Rng.fromSeed(seed, 'cart-pole')
    this.state = this.state.map(() => this.rng.uniform(-0.05, 0.05))
    return [Float32Array.from(this.state), {}]
  }

  step(action: number): [Float32Array, number, boolean, boolean, Record<string, unknown>] {
    const [x, v, angle, omega] = this.state
    const [sin, cos] = [Math.sin(angle), Math.cos(angle)]
    const push = ((action === 1 ? force : -force) + poleMass * halfLength * omega ** 2 * sin) / totalMass
    const alpha = (gravity * sin - cos * push) / (halfLength * (4 / 3 - (poleMass * cos ** 2) / totalMass))
    const a = push - (poleMass * halfLength * alpha * cos) / totalMass
    this.state = [x + dt * v, v + dt * a, angle + dt * omega, omega + dt * alpha]
    const terminated = Math.abs(this.state[0]) > 2.4 || Math.abs(this.state[2]) > angleLimit
    return [Float32Array.from(this.state), 1, terminated, false, { angle: this.state[2] }]
  }

  render(): RenderFrame {
    const data = new Uint8Array(12 * 8 * 3).fill(255)
    const column = Math.max(0, Math.min(11, Math.round(6 + this.state[0] * 2)))
    data.fill(0, (7 * 12 + column) * 3, (7 * 12 + column) * 3 + 3)
    return { width: 12, height: 8, data }
  }

  close(): void {
    this.closed = true
  }
}
