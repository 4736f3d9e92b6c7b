// The API's documentation, drawn from /openapi.json and nothing else; works without a network.
import { html, render, useEffect, useState } from "../../ui_kit/html.js";
import { get } from "../../ui_kit/api.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

function Docs() {
  const [state, setState] = useState({ document: null, error: null });
  useEffect(() => {
    get("/openapi.json").then(
      (document) => setState({ document, error: null }),
      (error) => setState({ document: null, error }),
    );
  }, []);
  if (state.error)
    return html`<main class="docs"><p
      role="alert">The document could not be read: ${state.error.code}</p></main>`;
  if (!state.document) return html`<main class="docs" aria-busy="true"></main>`;
  return html`<${Whole} document=${state.document} />`;
}

function Whole({ document }) {
  const operations = operationsOf(document);
  return html`<nav class="docs-nav" aria-label="Contents">
      <p class="docs-nav__title">${document.info.title} API</p>
      ${document.tags.map(
        ({ name }) => html`<div key=${name}>
        <p class="docs-nav__tag">${name}</p>
        <ul>${operations
          .filter(({ tag }) => tag === name)
          .map(
            (each) => html`<li key=${each.id}>
          <a href=${`#${each.id}`}>${each.summary}</a></li>`,
          )}</ul>
      </div>`,
      )}
      <p class="docs-nav__tag">Shapes</p>
      <ul>${Object.keys(document.components.schemas).map(
        (name) => html`<li key=${name}>
        <a href=${`#shape-${name}`}>${name}</a></li>`,
      )}</ul>
    </nav>
    <main class="docs">
      <h1>${document.info.title} API <span class="docs__version">${document.info.version}</span>
        </h1>
      <p class="docs__about">${document.info.description}</p>
      <p><a href="/openapi.json">openapi.json</a></p>
      ${document.tags.map(
        ({ name }) => html`<section key=${name}>
        <h2>${name}</h2>
        ${operations
          .filter(({ tag }) => tag === name)
          .map(
            (each) => html`<${Operation}
          key=${each.id} operation=${each} />`,
          )}
      </section>`,
      )}
      <section><h2>Shapes</h2>
        ${Object.entries(document.components.schemas).map(
          ([name, schema]) => html`<${Shape}
          key=${name} name=${name} schema=${schema} />`,
        )}
      </section>
    </main>`;
}

function operationsOf(document) {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    METHODS.filter((method) => methods[method]).map((method) => ({
      ...methods[method],
      method,
      path,
      tag: methods[method].tags[0],
      id: `${method}-${path}`.replace(/[^\w]+/g, "-"),
    })),
  );
}

function Operation({ operation }) {
  const { id, method, path, summary, parameters, requestBody, responses } = operation;
  return html`<article class="operation" id=${id}>
    <h3>${summary}</h3>
    <p class="operation__line"><span class="operation__method">${method.toUpperCase()}
      </span> <code>${path}</code>
      ${
        operation["x-right"] &&
        html`<span
        class="operation__right">logged in, right: ${operation["x-right"]}</span>`
      }</p>
    ${
      parameters.length > 0 &&
      html`<table class="shape"><tbody>
      ${parameters.map(
        (each) => html`<tr key=${each.name}><th>${each.name}</th><td>${each.in}</td>
        <td><${Type} schema=${each.schema} /></td><td>${each.description}</td></tr>`,
      )}
    </tbody></table>`
    }
    ${
      requestBody &&
      html`<p>Takes ${requestBody.description ?? ""} <${Body}
      content=${requestBody.content} /></p>`
    }
    <p>Gives ${Object.entries(responses).map(
      ([status, { content }], index) =>
        html`<span key=${status}>${index ? ", " : ""}${
          status === "default" ? "otherwise" : status
        } <${Body} content=${content} /></span>`,
    )}</p>
  </article>`;
}

function Body({ content }) {
  if (!content) return null;
  return Object.entries(content).map(
    ([type, { schema }], index) =>
      html`<span key=${type}>${index ? " or " : ""}${
        schema.$ref ? html`<${Type} schema=${schema} />` : html`<code>${type}</code>`
      }</span>`,
  );
}

function Shape({ name, schema }) {
  const required = new Set(schema.required ?? []);
  return html`<article class="operation" id=${`shape-${name}`}>
    <h3>${name}</h3>
    ${schema.description && html`<p>${schema.description}</p>`}
    <table class="shape"><tbody>
      ${Object.entries(schema.properties ?? {}).map(
        ([field, each]) => html`<tr key=${field}>
        <th>${field}${
          required.has(field)
            ? ""
            : html`<span
          class="shape__optional"> optional</span>`
        }</th>
        <td><${Type} schema=${each} /></td><td>${each.description ?? ""}</td></tr>`,
      )}
    </tbody></table>
  </article>`;
}

/** A type in one line: a link to a shape, a list of it, a choice. */
function Type({ schema }) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return html`<a href=${`#shape-${name}`}>${name}</a>`;
  }
  if (schema.enum)
    return html`<code>${schema.enum.map((value) => JSON.stringify(value)).join(" | ")}</code>`;
  if (schema.anyOf)
    return schema.anyOf.map(
      (each, index) =>
        html`<span key=${index}>${index ? " or " : ""}<${Type} schema=${each} /></span>`,
    );
  if (schema.type === "array")
    return html`<span>list of <${Type} schema=${schema.items ?? {}} /></span>`;
  if (schema.type === "object" && schema.additionalProperties)
    return html`<span>map to <${Type} schema=${schema.additionalProperties} /></span>`;
  return html`<code>${schema.format ?? schema.type ?? "anything"}</code>`;
}

render(html`<${Docs} />`, document.getElementById("docs"));
