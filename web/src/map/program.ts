/** The shaders of the points. */

import { PALETTE_SIZE } from "./palette.ts";

/** Stands for "no place" on the graphics card, where NaN is not to be trusted. */
export const NOWHERE = 1e30;

const VERTEX = `
precision highp float;
attribute vec2 a_from;
attribute vec2 a_to;
attribute float a_colour;
uniform vec3 u_from;
uniform vec3 u_view;
uniform vec2 u_half;
uniform float u_mix;
uniform float u_radius;
uniform float u_opacity;
uniform float u_largest;
uniform sampler2D u_palette;
varying vec4 v_colour;
varying float v_radius;
varying float v_side;

void main() {
  bool from = a_from.x < 1.0e29;
  bool to = a_to.x < 1.0e29;
  vec2 start = (a_from - u_from.xy) * u_from.z;
  vec2 end = (a_to - u_view.xy) * u_view.z;
  vec2 place = from && to ? mix(start, end, u_mix) : to ? end : start;
  float opacity = u_opacity * (from && to ? 1.0 : to ? u_mix : from ? 1.0 - u_mix : 0.0);
  float side = min(2.0 * u_radius + 2.0, u_largest);
  vec2 edge = u_half + side;
  if (opacity <= 0.0 || abs(place.x) > edge.x || abs(place.y) > edge.y) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    gl_PointSize = 1.0;
    return;
  }
  gl_Position = vec4(place / u_half, 0.0, 1.0);
  gl_PointSize = side;
  vec2 sides = vec2(${PALETTE_SIZE[0]}.0, ${PALETTE_SIZE[1]}.0);
  vec2 entry = vec2(mod(a_colour, sides.x), floor(a_colour / sides.x));
  vec4 colour = texture2D(u_palette, (entry + 0.5) / sides);
  v_colour = vec4(colour.rgb, opacity);
  v_radius = u_radius;
  v_side = side;
}
`;

// A dot of even colour; large ones get a rim a little darker, which parts them from each other.
const FRAGMENT = `
precision mediump float;
varying vec4 v_colour;
varying float v_radius;
varying float v_side;

void main() {
  float away = length(gl_PointCoord - 0.5) * v_side;
  float cover = clamp(v_radius + 0.5 - away, 0.0, 1.0);
  float alpha = v_colour.a * cover;
  if (alpha <= 0.002) discard;
  float rim = smoothstep(2.5, 5.0, v_radius) * smoothstep(v_radius - 2.0, v_radius - 0.5, away);
  gl_FragColor = vec4(v_colour.rgb * (1.0 - 0.22 * rim) * alpha, alpha);
}
`;

const UNIFORMS = [
  "u_from",
  "u_view",
  "u_half",
  "u_mix",
  "u_radius",
  "u_opacity",
  "u_largest",
  "u_palette",
] as const;

/** The linked program with the places of its inputs. */
export interface Program {
  program: WebGLProgram;
  from: number;
  to: number;
  colour: number;
  at: Record<(typeof UNIFORMS)[number], WebGLUniformLocation | null>;
}

/** Compiles and links the shaders.
 * @throws Error with the words of the driver.
 */
export function makeProgram(gl: WebGLRenderingContext): Program {
  const program = gl.createProgram();
  const vertex = shader(gl, gl.VERTEX_SHADER, VERTEX);
  const fragment = shader(gl, gl.FRAGMENT_SHADER, FRAGMENT);
  gl.attachShader(program, vertex);
  gl.attachShader(program, fragment);
  // Attribute 0 has to be one that is always on: some drivers are slow without it.
  gl.bindAttribLocation(program, 0, "a_to");
  gl.linkProgram(program);
  gl.deleteShader(vertex);
  gl.deleteShader(fragment);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(gl.getProgramInfoLog(program) ?? "the shaders do not link");
  }
  const at = Object.fromEntries(
    UNIFORMS.map((name) => [name, gl.getUniformLocation(program, name)]),
  );
  return {
    program,
    from: gl.getAttribLocation(program, "a_from"),
    to: gl.getAttribLocation(program, "a_to"),
    colour: gl.getAttribLocation(program, "a_colour"),
    at: at as Program["at"],
  };
}

function shader(gl: WebGLRenderingContext, type: number, source: string): WebGLShader {
  const made = gl.createShader(type);
  if (!made) throw new Error("the graphics driver makes no shader");
  gl.shaderSource(made, source);
  gl.compileShader(made);
  if (!gl.getShaderParameter(made, gl.COMPILE_STATUS) && !gl.isContextLost()) {
    throw new Error(gl.getShaderInfoLog(made) ?? "a shader does not compile");
  }
  return made;
}
