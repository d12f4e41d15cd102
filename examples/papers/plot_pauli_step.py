# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Two pulses, three networks
==========================

Example 1 of Pauli et al., *Training robust neural networks using Lipschitz bounds*
(Fig. 1 and Table I): a 1-10-1 tanh network learns two pulses. The nominal network fits
the corners with steep flanks. Weight decay ("L2") and a penalty on the certified
Lipschitz bound, trained by ADMM, are compared at about the same training error: the
penalty gets there with a smaller bound.

The nominal and the L2 network are the paper's, a million gradient steps each, and come
with the package. ADMM starts from the L2 network.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_squared_error

from sklip import ADMMLipschitzMLPRegressor, FeedForward, lipschitz_bound
from sklip.datasets import load_paper_toy

toy = load_paper_toy("step")
networks = {
    kind: FeedForward([c.T for c in coefs], intercepts, activation="tanh")
    for kind, (coefs, intercepts) in toy.trained.items()
}

# %%
# The paper's settings are mu = 8e-4 and rho = 2 for a mean squared error. The
# estimator's loss is half of that, hence half of both. 25 iterations of L-BFGS stand
# for the 10,000 gradient steps of each of the 100 ADMM iterations. They are to be used
# up, so the warning that they were is no news.

warnings.filterwarnings("ignore", category=ConvergenceWarning)
model = ADMMLipschitzMLPRegressor(
    (10,),
    activation="tanh",
    lipschitz_weight=4e-4,
    rho=1.0,
    max_admm_iter=100,
    epochs_per_iter=25,
    admm_tol=0.0,
    tol=1e-7,
    step_tol=1e-8,
    solver="lbfgs",
    alpha=0.0,
)
coefs, intercepts = toy.trained["l2"]
model.fit(toy.data, toy.target, coef_init=coefs, intercept_init=intercepts)
networks["Lipschitz"] = model.network_

# %%
# Table I. The paper prints .0161 and 17.65, .0457 and 7.815, .0437 and 6.378.

for kind, network in networks.items():
    error = mean_squared_error(toy.target, network.forward(toy.data))
    bound = float(lipschitz_bound(network, method="lipsdp"))
    print(f"{kind:10} MSE {error:.4f}   L <= {bound:.3f}")

# %%
# Figure 1.

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
x = toy.data[:, 0]
ax.plot(x, toy.target, ".", color="0.6", label="target")
styles = {"nominal": ":", "l2": "--", "Lipschitz": "-"}
labels = {"nominal": "nominal", "l2": "L2", "Lipschitz": "Lipschitz (ADMM)"}
for kind, network in networks.items():
    ax.plot(x, network.forward(toy.data)[:, 0], styles[kind], label=labels[kind])
ax.set_xlabel("x")
ax.set_ylabel("f(x)")
ax.legend(loc="upper center", ncols=4, bbox_to_anchor=(0.5, 1.14), frameon=False)
plt.show()

# %%
# The 100 iterations end before the residuals are small: with the paper's rho the
# certified weights move little at a time. With rho at a hundredth of it the same
# problem is solved to the end, and its optimum trades more error for a smaller bound.

model.set_params(rho=0.01, max_admm_iter=300, admm_tol=1e-4)
model.fit(toy.data, toy.target, coef_init=coefs, intercept_init=intercepts)
error = mean_squared_error(toy.target, model.predict(toy.data))
print(f"converged  MSE {error:.4f}   L <= {model.lipschitz_bound_:.3f}")
