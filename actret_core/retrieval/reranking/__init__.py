"""k-reciprocal re-ranking (Zhong et al. 2017), exact, in bounded memory."""
