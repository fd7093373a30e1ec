"""openai: embeddings."""

import openai
import report

client = openai.OpenAI(base_url=report.URL + "/v1", api_key=report.KEY, max_retries=0, timeout=20)


def embed(model):
    r = client.embeddings.create(model=model + "-embed", input=["a first text", "a second one"])
    report.same(len(r.data), 2, "vectors")
    assert len(r.data[0].embedding) > 0 and isinstance(r.data[0].embedding[0], float), r.data[0]


report.run(embed)
