// Reads the state of a stream: a file in safetensors' format. Knows bytes; no task.

// Long whole numbers are places and seeds, bytes are packed states: they say nothing in a picture.
const READERS = {
  F64: (view, at) => [view.getFloat64(at, true), 8],
  F32: (view, at) => [view.getFloat32(at, true), 4],
  I32: (view, at) => [view.getInt32(at, true), 4],
  BOOL: (view, at) => [view.getUint8(at), 1],
};
const LENGTH_BYTES = 8; // of the header's length, at the beginning

/** The numbers of every tensor by its name, as far as they are of a type that is read. */
export function readState(buffer) {
  const view = new DataView(buffer);
  const length = Number(view.getBigUint64(0, true));
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, LENGTH_BYTES, length)));
  const tensors = {};
  for (const [name, about] of Object.entries(head)) {
    const read = READERS[about.dtype];
    if (name === "__metadata__" || !read) continue;
    const [begin, end] = about.data_offsets.map((each) => each + LENGTH_BYTES + length);
    const values = [];
    for (let at = begin; at < end; ) {
      const [value, bytes] = read(view, at);
      values.push(value);
      at += bytes;
    }
    tensors[name] = values;
  }
  return tensors;
}
