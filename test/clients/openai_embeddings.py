"""openai: embeddings."""

import openai
import report

client = openai.OpenAI(base_url=report.URL + "/v1", api_key=report.KEY, max_retries=0, timeout=20)


def vectors(model, texts):
    r = client.embeddings.create(model=model + "-embed", input=texts)
    report.same(len(r.data), len(texts), "vectors")
    assert len(r.data[0].embedding) > 0 and isinstance(r.data[0].embedding[0], float), r.data[0]


def embed(model):
    vectors(model, ["a first text"])


def embed_many(model):
    vectors(model, ["a first text", "a second one"])


report.run(embed, embed_many)
