/** What a policy has to know about a robot: for its prompt, and for its action and state channels. */
export interface EmbodimentDescription {
  id: string
  robotTag: string
  arms: 'single arm' | 'dual arms'
  waist: boolean
  mobileBase: boolean
  /** Hz. */
  controlFrequency: number
  actionDim: number
  stateDim: number
  actionNames: string[]
  stateNames: string[]
  /** Size of a useful action by channel, m and rad; 0 for commands that are not disturbed by noise (grippers). */
  actionScale: number[]
}

export const widowx: EmbodimentDescription = {
  id: 'widowx',
  robotTag: 'WidowX 250s',
  arms: 'single arm',
  waist: false,
  mobileBase: false,
  controlFrequency: 5,
  actionDim: 7,
  stateDim: 14,
  actionNames: ['dx', 'dy', 'dz', 'rx', 'ry', 'rz', 'gripper'],
  stateNames: [
    ...['x', 'y', 'z', 'rx', 'ry', 'rz'],
    ...['opening', 'lastGripper'],
    ...['leadX', 'leadY', 'leadZ', 'leadRx', 'leadRy', 'leadRz'],
  ],
  actionScale: [0.04, 0.04, 0.04, 0.1, 0.1, 0.1, 0],
}

export const embodiments: ReadonlyMap<string, EmbodimentDescription> = new Map([[widowx.id, widowx]])
