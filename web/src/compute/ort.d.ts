/** The runtime of the nets with its glue inside, so that nothing is fetched or imported later. */
declare module "*/ort.wasm.bundle.min.mjs" {
  export * from "onnxruntime-web";
}
