export * from './google.js'
export * from './matrices.js'
export * from './pinhole.js'
export * from './widowx.js'
