/** What a policy has to know about a robot: for its prompt, and for its action and state channels. */
export interface EmbodimentDescription {
  id: 'widowx'
  robotTag: 'WidowX 250s'
  arms: 'single arm' | 'dual arms'
  waist: boolean
  mobileBase: boolean
  /** Hz. */
  controlFrequency: 5
  actionDim: 7
  stateDim: 14
  actionNames: string[]
  stateNames: string[]
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
}

export const embodiments: ReadonlyMap<string, EmbodimentDescription> = new Map([[widowx.id, widowx]])
