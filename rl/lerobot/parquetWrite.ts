import type { KeyValue, SchemaElement } from 'hyparquet'
import { ByteWriter, type ColumnSource, ParquetWriter } from 'hyparquet-writer'
import type { Feature } from './schema.js'

/** What a column holds: a value, or lists of them `depth` levels deep; or pictures. */
export type ColumnType =
  | { readonly value: 'float32' | 'float64' | 'int64' | 'bool' | 'string'; readonly depth?: number }
  | { readonly value: 'image' }

export interface ParquetColumn {
  readonly name: string
  readonly type: ColumnType
  /** One value a row: number, bigint for int64, boolean, string, lists of these, or `{ bytes, path }`. */
  readonly data: unknown[]
}

const physicalTypes = {
  float32: { type: 'FLOAT' },
  float64: { type: 'DOUBLE' },
  int64: { type: 'INT64' },
  bool: { type: 'BOOLEAN' },
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
} as const

function schemaOf(name: string, type: ColumnType): SchemaElement[] {
  const optional = { repetition_type: 'OPTIONAL' } as const
  if (type.value === 'image') {
    return [
      { name, ...optional, num_children: 2 },
      { name: 'bytes', ...optional, type: 'BYTE_ARRAY' },
      { name: 'path', ...optional, ...physicalTypes.string },
    ]
  }
  const { value, depth = 0 } = type
  if (depth === 0) return [{ name, ...optional, ...physicalTypes[value] }]
  return [
    { name, ...optional, converted_type: 'LIST', logical_type: { type: 'LIST' }, num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    ...schemaOf('element', { value, depth: depth - 1 }),
  ]
}

/**
 * A parquet file with one row group for each entry of `groups`, the columns of every group in the same order: a reader
 * fetches one episode without the others.
 */
export function parquetBytes(
  groups: readonly (readonly ParquetColumn[])[],
  metadata: readonly KeyValue[] = [],
): Uint8Array {
  const columns = groups[0]
  const writer = new ByteWriter(1 << 20)
  const parquet = new ParquetWriter({
    writer,
    schema: [
      { name: 'schema', num_children: columns.length },
      ...columns.flatMap(({ name, type }) => schemaOf(name, type)),
    ],
    kvMetadata: [...metadata],
    createdBy: 'vla-gym',
  })
  for (const group of groups) {
    const rows = group[0].data.length
    parquet.write({ columnData: group.map(columnSource), rowGroupSize: rows, pageSize: 1 << 24 })
  }
  parquet.finish()
  return writer.getBytes()
}

function columnSource({ name, type, data }: ParquetColumn): ColumnSource {
  // PNGs do not compress further, and their first bytes say nothing about them.
  const asTheyAre = { codec: 'UNCOMPRESSED', encoding: 'PLAIN', statistics: false } as const
  return { name, data, offsetIndex: false, ...(type.value === 'image' && asTheyAre) }
}

/**
 * The schema metadata by which the `datasets` library knows column types that parquet has no name for: pictures, and
 * lists of fixed length (huggingface/datasets, src/datasets/features/features.py).
 */
export function huggingfaceMetadata(features: Readonly<Record<string, Feature>>): KeyValue {
  const typeOf = ({ dtype, shape }: Feature): unknown => {
    if (dtype === 'image') return { _type: 'Image' }
    const value = { dtype, _type: 'Value' }
    return shape.length === 1 && shape[0] === 1 ? value : { feature: value, length: shape[0], _type: 'List' }
  }
  const types = Object.fromEntries(Object.entries(features).map(([name, feature]) => [name, typeOf(feature)]))
  return { key: 'huggingface', value: JSON.stringify({ info: { features: types } }) }
}

/** The schema metadata by which pandas takes the column `index` as the index of the table. */
export function pandasIndexMetadata(index: string, columns: Readonly<Record<string, 'object' | 'int64'>>) {
  const describe = ([name, type]: [string, string]) => ({
    name,
    field_name: name,
    pandas_type: type === 'object' ? 'unicode' : type,
    numpy_type: type,
    metadata: null,
  })
  const value = {
    index_columns: [index],
    column_indexes: [],
    columns: Object.entries(columns).map(describe),
    pandas_version: '2.2.0',
  }
  return { key: 'pandas', value: JSON.stringify(value) }
}
