/** Measured joint positions, rad or m, and their velocities over the last control step, per s. */
export class JointMeter {
  readonly positions: Float64Array
  readonly velocities: Float64Array
  private readonly period: number
  private readonly read: (out: Float64Array) => void

  /** @param period of a control step, s. @param read fills in the present positions, [joints] */
  constructor(joints: number, period: number, read: (out: Float64Array) => void) {
    this.positions = new Float64Array(joints)
    this.velocities = new Float64Array(joints)
    this.period = period
    this.read = read
  }

  /** Joints as they are, at rest. */
  reset(): void {
    this.read(this.positions)
    this.velocities.fill(0)
  }

  /** After a control step. */
  measure(): void {
    const { positions, velocities, period } = this
    for (let i = 0; i < positions.length; i++) velocities[i] = -positions[i]
    this.read(positions)
    for (let i = 0; i < positions.length; i++) velocities[i] = (velocities[i] + positions[i]) / period
  }

  save(): JointMeterState {
    return { joints: [...this.positions], velocities: [...this.velocities] }
  }

  restore({ joints, velocities }: JointMeterState): void {
    this.positions.set(joints)
    this.velocities.set(velocities)
  }
}

export interface JointMeterState {
  readonly joints: readonly number[]
  readonly velocities: readonly number[]
}
